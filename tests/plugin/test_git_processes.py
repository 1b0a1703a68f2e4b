"""How many Git processes the commands start that look at versions: as few for thirty versions as for three.

Tags, commits, pointers, metrics, sizes and stages come from one list of the refs and one reader of objects.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from support import long_history
from support.git_calls import cpv_git_calls
from support.repos import ModelRepo
from support.shell import Shell

PROCESSES = {
    "log": 4,
    "log --json -n 1": 4,
    "report": 4,
    "diff v0.1 v0.2": 4,
    "diff v0.1": 5,
    "model info --json": 4,
    "checkpoint list": 5,
    "verify v0.1 v0.2": 4,
    "verify --all": 8,
    "prune": 13,
    "prune --keep 1": 15,
}
"""The most that each may start. `verify --all` and `prune` ask Git itself for HEADs, reflogs, indexes and work trees.
Lower one when you can."""
LISTS = {"for-each-ref", "tag", "show-ref"}


def versions(path: Path, skeleton: Path, count: int) -> ModelRepo:
    shutil.copytree(skeleton, path)
    repo = ModelRepo(path)
    repo.write(".cpv.toml", long_history.SETTINGS)
    repo.git("add", "-A")
    repo.git("commit", "-qm", "first")
    long_history.write(path, count)
    repo.git("reset", "-q", "--hard")
    return repo


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory, _skeleton: Path) -> ModelRepo:
    return versions(tmp_path_factory.mktemp("few") / "repo", _skeleton, 3)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, _skeleton: Path) -> ModelRepo:
    return versions(tmp_path_factory.mktemp("many") / "repo", _skeleton, 30)


@pytest.mark.parametrize("words", PROCESSES)
def test_as_few_for_many_versions_as_for_few(few: ModelRepo, many: ModelRepo, words: str) -> None:
    calls = [cpv_git_calls(repo, *words.split(), status=None) for repo in (few, many)]
    verbs = [[call[0] for call in found] for found in calls]
    assert verbs[0] == verbs[1]
    assert len(verbs[0]) <= PROCESSES[words], calls[0]
    assert sum(verb in LISTS for verb in verbs[0]) == 1, "refs are listed once"


def test_what_versions_are_is_the_same_by_sha_256(shell: Shell) -> None:
    """libgit2 does not open such a repository; Git's own `cat-file` answers, for the commands too."""
    shell.git("init", "-q", "--object-format=sha256")
    shell.write(".cpv.toml", "")
    shell.write(".dvc/config", "")
    for number in (0, 1):
        shell.write("model.bin.dvc", long_history.POINTER.format(oid=f"{number:031x}a", size=number, path="model.bin"))
        shell.git("add", "-A")
        shell.git("commit", "-qm", f"number {number}")
        shell.git("tag", f"v0.{number}", "-m", f"v0.{number}\n\nCpv-Line: model\nCpv-Metric: loss=0.{number}5")
    assert [line.split("\t")[0] for line in shell.cpv("log").lines] == ["v0.1", "v0.0"]
    info = json.loads(shell.cpv("model", "info", "--json").out)
    assert (info["tag"], info["metrics"], info["commit_message"]) == ("v0.1", {"loss": 0.15}, "number 1")
    found = json.loads(shell.cpv("diff", "v0.0", "v0.1", "--json").out)
    assert [(one["path"], one["size_before"], one["size_after"]) for one in found["artifacts"]] == [("model.bin", 0, 1)]
    assert found["metrics"][0]["change"] == pytest.approx(0.1)
    assert "2 objects" in shell.cpv("verify", "--all", status=1).out
    assert shell.cpv("prune").text.startswith("nothing to prune")


def test_a_reflog_by_sha_256_protects_as_one_by_sha_1_does(shell: Shell) -> None:
    """Content that a commit of a young reflog entry alone has stays in the cache."""
    shell.git("init", "-q", "--object-format=sha256")
    shell.write(".cpv.toml", "")
    shell.write(".dvc/config", "")
    cached = {}
    for number in (0, 1):
        oid = hashlib.md5(str(number).encode()).hexdigest()
        cached[number] = shell.write(f".dvc/cache/files/md5/{oid[:2]}/{oid[2:]}", str(number))
        os.utime(cached[number], (0, 0))
        shell.write("model.bin.dvc", long_history.POINTER.format(oid=oid, size=1, path="model.bin"))
        shell.git("add", "-A", "--", "*.dvc", ".cpv.toml", ".dvc/config")
        shell.git("commit", "-qm", f"number {number}")
    shell.git("reset", "-q", "--hard", "HEAD^")
    shell.cpv("prune", "--yes")
    assert cached[1].exists()
    shell.cpv("prune", "--yes", "--grace", "0d")
    assert (cached[0].exists(), cached[1].exists()) == (True, False)
