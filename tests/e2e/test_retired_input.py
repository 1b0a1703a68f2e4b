"""A version that was retired, and whose data is gone, as the input of everything that takes a version."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from e2e.test_retire import retired_and_pruned, told
from support import four_versions
from support.repos import ModelRepo
from support.shell import Result

GONE = "; its data is gone; fix: dvc cpv retire --undo v0.1 in a clone whose cache has it"
# Command, exit code, and what follows the words that say when, by whom and why; None where the output itself has them.
NEEDS_DATA = [
    "cpv model download --tag v0.1 --output ../out",
    "cpv model download --tag v0.1 --output ../out --json",
    "cpv model download --tag v0.1 --output ../out --dry-run",
    "cpv model download --tag v0.1 --output ../out --no-cache",
    "cpv model revert --tag v0.1",
    "cpv model revert --tag v0.1 --force",
    "cpv model revert --tag v0.1 --dry-run",
    "cpv checkpoint revert --tag v0.1",
    "cpv export v0.1 --to ../out",
    "cpv export v0.1 --to ../out --format hf",
    "cpv export v0.1 --to ../out --format oci",
    "cpv export v0.1 --to ../out --dry-run",
]
OTHERS = [
    ("cpv diff v0.1 v0.2", 0, ""),
    ("cpv diff v0.2 v0.1", 0, ""),
    ("cpv diff v0.1", 0, ""),
    ("cpv diff v0.1 v0.2 --weights", 0, ""),
    ("cpv diff v0.1 v0.2 --json", 0, ""),
    ("cpv diff v0.1 v0.2 --markdown", 0, ""),
    ("cpv verify v0.1", 0, "; its data is gone"),
    ("cpv verify v0.1 v0.2 --deep", 0, "; its data is gone"),
    ("cpv verify v0.1 --repair", 0, "; its data is gone"),
    ("cpv promote v0.1 production", 1, "; fix: dvc cpv retire --undo v0.1"),
    ("cpv retire v0.1 --yes", 1, "; fix: dvc cpv retire --list"),
    ("cpv prune --remote --yes", 0, "; its data stays until "),
    ("git checkout -q v0.1", 0, GONE),
    ("git checkout -q v0.1 -- model.bin.dvc", 0, GONE),
    ("git worktree add -q ../linked v0.1", 0, GONE),
    ("git bisect start v0.3 v0.0", 0, GONE),
    ("git reset -q --hard v0.1", 0, "; the cache lacks its data; fix: dvc cpv sync"),
    ("git cherry-pick v0.1", 1, GONE),
    ("git tag v9.0 v0.1", 0, ")"),
    ("git push -q origin v0.1^{}:refs/heads/old", 0, ", and its data is gone"),
]
SAYS_IT_IN_ITS_OUTPUT = [
    "cpv model info --tag v0.1",
    "cpv model info --tag v0.1 --tensors",
    "cpv model info --tag v0.1 --json",
    "cpv log",
    "cpv log --remote",
    "cpv log --best acc",
    "cpv log --json --series",
    "cpv retire --list",
]


@pytest.fixture
def repo(tmp_path: Path) -> ModelRepo:
    repo = four_versions.copy(tmp_path, hooks=True)
    retired_and_pruned(repo)
    return repo


def run(repo: ModelRepo, line: str) -> Result:
    program, *words = shlex.split(line)
    done = repo.cpv(*words, status=None) if program == "cpv" else repo.git(*words, status=None)
    assert "Traceback" not in done.text
    assert "unexpected error" not in done.text
    return done


@pytest.mark.parametrize("line", NEEDS_DATA)
def test_what_needs_the_data_is_refused_in_one_line(repo: ModelRepo, line: str) -> None:
    before = repo.tree(), repo.head(), repo.tags()
    done = run(repo, line)
    assert done.status == 1
    [said] = done.err.splitlines()
    assert said.endswith(f"{told(repo)}{GONE}")
    assert (repo.tree(), repo.head(), repo.tags()) == before
    assert not (repo.path.parent / "out").exists()


@pytest.mark.parametrize(("line", "status", "then"), OTHERS)
def test_the_rest_goes_on_and_says_it(repo: ModelRepo, line: str, status: int, then: str) -> None:
    words = f"{told(repo)}{then}"
    done = run(repo, line)
    assert done.status == status, done.text
    assert words in done.err, done.err
    ours = [one for one in done.err.splitlines() if one.startswith("cpv: ")]
    assert len(ours) == len(set(ours)), "each is said once"


@pytest.mark.parametrize("line", SAYS_IT_IN_ITS_OUTPUT)
def test_what_lists_versions_has_it_in_the_list(repo: ModelRepo, line: str) -> None:
    done = run(repo, line)
    assert (done.status, done.err) == (0, "")
    assert re.search("retired|gone", done.out)
    assert "too old" in done.out


def test_a_version_that_is_retired_while_a_stage_has_it(repo: ModelRepo) -> None:
    """Its data stays as long as the stage needs it."""
    repo.cpv("promote", "v0.2", "production")
    repo.cpv("retire", "v0.2", "--yes", "--confirm", "v0.2", "-m", "unsafe")
    repo.git("push", "-q")
    repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    assert run(repo, "cpv model download --tag @production --output ../out").status == 0
    for line in ("cpv stages", "cpv stages --history", "cpv stages --json", "cpv report --out ../page.html"):
        assert (run(repo, line).status, run(repo, line).err) == (0, ""), line


def test_another_version_of_the_same_commit_is_not_published_without_its_data(repo: ModelRepo) -> None:
    run(repo, "git tag v9.0 v0.1^{}")
    done = run(repo, "git push -q origin v9.0")
    assert done.status == 1
    assert f"{told(repo)}" in done.err
