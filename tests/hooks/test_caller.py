"""Which Git command a hook serves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cpv_hooks.git.caller import GitProcess
from support.shell import Shell

ASK = f"""#!/bin/sh
exec {sys.executable} -c '
import json, pathlib
from cpv_hooks.git.caller import calling_git
git = calling_git()
with open("asked", "a") as stream:
    stream.write(json.dumps([git.pid, git.words, git.alive()] if git else None) + "\\n")
'
"""


@pytest.fixture
def repo(shell: Shell) -> Shell:
    shell.git("init", "-q")
    shell.write(".git/hooks/pre-commit", ASK).chmod(0o755)
    return shell


def asked(repo: Shell) -> list[tuple[int, list[str], bool]]:
    found = [json.loads(line) for line in repo.read("asked").splitlines()]
    (repo.path / "asked").unlink()
    return found


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ([], ["commit", "--allow-empty", "-m", "a b"]),
        (["-c", "a.b=commit"], ["commit", "--allow-empty", "-m", ""]),
        (["-C", "."], ["commit", "--allow-empty", "-m", "x"]),
        (["--no-pager", "--git-dir", ".git", "--work-tree=."], ["commit", "--allow-empty", "-m", "x"]),
        (["-p", "--literal-pathspecs"], ["commit", "--allow-empty", "-m", "--amend"]),
    ],
)
def test_the_words_of_the_command_without_gits_own_options(repo: Shell, before: list[str], words: list[str]) -> None:
    repo.git(*before, *words, "--allow-empty-message")
    [(_, found, alive)] = asked(repo)
    assert found == [*words, "--allow-empty-message"]
    assert alive


def test_an_alias_is_the_command_that_it_stands_for(repo: Shell) -> None:
    repo.git("-c", "alias.ci=commit --allow-empty -q", "ci", "-m", "x")
    repo.git("-c", "alias.sh=!git commit --allow-empty -q -m", "sh", "x")
    assert [words[0] for _, words, _ in asked(repo)] == ["commit", "commit"]


def test_the_nearest_git_counts(repo: Shell) -> None:
    """A rebase that commits, a merge that commits: the process that runs the hook is asked about."""
    repo.git("commit", "-q", "--allow-empty", "-m", "first")
    repo.git("checkout", "-q", "-b", "side")
    repo.git("commit", "-q", "--allow-empty", "-m", "side")
    repo.git("rebase", "-q", "--no-ff", "main", status=None)
    assert {words[0] for _, words, _ in asked(repo)} == {"commit"}


def test_through_shells_and_other_programs(repo: Shell) -> None:
    hook = repo.path / ".git/hooks/pre-commit"
    hook.rename(repo.path / ".git/hooks/inner")
    repo.write(".git/hooks/pre-commit", "#!/bin/sh\nsh -c 'env sh .git/hooks/inner; true'\n").chmod(0o755)
    repo.git("commit", "-q", "--allow-empty", "-m", "x")
    [(_, words, _)] = asked(repo)
    assert words[0] == "commit"


def test_outside_of_git_there_is_none(shell: Shell) -> None:
    code = "from cpv_hooks.git.caller import calling_git; print(calling_git())"
    done = subprocess.run(["setsid", "-w", sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


def test_a_process_is_alive_until_it_ends(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        assert GitProcess(process.pid, ()).alive()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not GitProcess(process.pid, ()).alive(), "a zombie runs no more"
    assert not GitProcess(process.pid, ()).alive()


def test_the_command() -> None:
    assert GitProcess(1, ("commit", "-m", "x")).command == "commit"
    assert GitProcess(1, ()).command == ""
