"""Completion in real shells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import MakeRepo

from dvc_cpv_plugin.commands import NOUNS
from support.repos import SETTINGS, ModelRepo
from support.shell import BIN, Shell

STAGES = SETTINGS + "[stages]\nproduction = {}\nstaging = {}\n[metrics]\nspeed = 'max'\n"
BASH = """
source "$1"; shift
COMP_WORDS=(cpv "$@"); COMP_CWORD=$#
_shtab_cpv
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = 'source $argv[1]; complete -C "$argv[2]"'
# zsh completes at a terminal alone, which zpty gives. What a tab made of the line is echoed.
ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "bindkey -e; fpath=(${1:h} \\$fpath); autoload -Uz compinit; compinit -u -d ${1:h}/dump; PS1=REA'DY> '"
zpty -r shell line '*READY> *'
zpty -w -n shell "$2"$'\\t\\x01echo got: \\n'
zpty -r shell line '*READY> *'
print -r -- "$line"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of all shells, each under the name by which the shell finds it."""
    folder = Shell(tmp_path_factory.mktemp("completion"))
    for shell in ("bash", "zsh", "fish"):
        folder.write("_cpv" if shell == "zsh" else f"cpv.{shell}", folder.run(BIN / "cpv", "completion", shell).out)
    return folder.path


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    repo = make_repo(settings=STAGES, files={"model.bin": "one", "metrics.log": "acc=0.5\n"})
    head = repo.git("rev-parse", "HEAD").out.strip()
    repo.git("update-ref", "refs/cpv/runs/main/500", head)
    repo.git("update-ref", "refs/cpv/runs/main/1000", head)
    repo.git("tag", "foreign")
    return repo


def complete(repo: Shell, scripts: Path, shell: str, *words: str) -> list[str]:
    if shell == "bash":
        done = repo.run("bash", "-c", BASH, "bash", scripts / "cpv.bash", *words)
    else:
        done = repo.run("fish", "--no-config", "-c", FISH, scripts / "cpv.fish", " ".join(("cpv", *words)))
    return sorted(line.partition("\t")[0] for line in done.out.splitlines() if line)


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_what_is_completed(repo: ModelRepo, scripts: Path, shell: str) -> None:
    def candidates(*words: str) -> list[str]:
        return complete(repo, scripts, shell, *words)

    assert set(NOUNS) <= set(candidates(""))
    assert candidates("prom") == ["promote"]
    assert "--best" in candidates("log", "--b")
    assert candidates("promote", "") == ["v0.0"]
    assert candidates("promote", "v0.0", "") == ["production", "staging"]
    assert candidates("model", "info", "--tag", "v") == ["v0.0"]
    assert candidates("runs", "show", "") == ["main"]
    assert {"main", "main@1000", "main@500"} <= set(candidates("runs", "promote", ""))
    assert set(candidates("log", "--best", "")) == {"acc", "speed"}
    assert candidates("config", "get", "aws.b") == ["aws.bucket"]
    assert "metrics.log" in candidates("model", "upload", "met")


def test_in_zsh(repo: ModelRepo, scripts: Path) -> None:
    def completed(words: str) -> str:
        done = repo.run("zsh", "-f", "-c", ZSH, "zsh", scripts / "_cpv", words)
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", done.out)
        return shown.rpartition("got: ")[2].partition("\n")[0].strip()

    assert completed("cpv promo") == "cpv promote"
    assert completed("cpv promote ") == "cpv promote v0.0"
    assert completed("cpv promote v0.0 pro") == "cpv promote v0.0 production"
    assert completed("cpv runs show m") == "cpv runs show main"


def test_names_that_a_shell_would_run_are_left_out(repo: ModelRepo, scripts: Path) -> None:
    """Whatever a cloned repository calls its branches and runs."""
    for name in ("$(touch${IFS}ran)", "`touch${IFS}ran`", "a;touch${IFS}ran", "-rf", "'", "été"):
        repo.git("update-ref", f"refs/heads/{name}", "HEAD")
        repo.git("update-ref", f"refs/cpv/runs/{name}/1", "HEAD")
    branch = repo.git("branch", "--show-current").out.strip()
    for shell in ("bash", "fish"):
        assert set(complete(repo, scripts, shell, "diff", "")) == {"v0.0", branch}
        assert complete(repo, scripts, shell, "runs", "show", "") == ["main"]
    assert not (repo.path / "ran").exists()


def test_elsewhere_nothing_is_completed_and_nothing_said(tmp_path: Path, scripts: Path) -> None:
    shell = Shell(tmp_path)
    done = shell.run(BIN / "cpv", "completion", "--names", "versions", status=1)
    assert (done.out, done.err) == ("", "")
    assert complete(shell, scripts, "bash", "promote", "") == []
