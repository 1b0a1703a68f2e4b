"""`dvc cpv prune` as a person types it."""

from __future__ import annotations

import json
import os
from contextlib import chdir
from pathlib import Path

import pytest

from cpv_hooks.dvcformat.cache import Cache
from support import two_versions
from support.repos import ModelRepo
from support.two_versions import cached, md5


@pytest.fixture
def repo(tmp_path: Path) -> ModelRepo:
    return two_versions.copy(tmp_path)


def typed(repo: ModelRepo, capfd: pytest.CaptureFixture[str], *words: str, status: int = 0) -> tuple[list[str], str]:
    """`dvc cpv prune` in this process; returns the lines of its output, and its errors."""
    from dvc.cli import main

    with chdir(repo.path):
        assert main(["cpv", "prune", *words]) == status
    said = capfd.readouterr()
    return said.out.splitlines(), said.err


def old(repo: ModelRepo, content: bytes) -> str:
    """An object that has been in the cache for years."""
    Cache(repo.path / ".dvc/cache").add_bytes(md5(content), content)
    os.utime(cached(repo, md5(content)), (0, 0))
    return md5(content)


def test_it_tells_first_and_removes_when_told(repo: ModelRepo) -> None:
    done = repo.cpv("prune")
    assert (done.out, done.err) == ("nothing to prune\n", "")

    oid, place = old(repo, b"adrift"), f"cache {repo.path}/.dvc/cache"
    shown = [f"{place}: 1 object, 6 B (nothing needs it)", f"  {oid}\t6 B"]
    done = repo.cpv("prune")
    assert (done.lines, done.err) == (shown, "cpv: 6 B would be freed; dvc cpv prune --yes does it\n")
    assert cached(repo, oid).exists()
    listed = json.loads(repo.cpv("prune", "--json").out)
    assert (listed["removed"], listed["bytes"]) == (False, 6)
    assert listed["caches"][0]["objects"] == [
        {"oid": oid, "size": 6, "modified": 0.0, "why": "nothing needs it"},
    ]

    assert repo.cpv("prune", "--dry-run").err == done.err
    again = "dvc cpv prune --keep 3 --older-than 90d --remote --grace 5d --force --yes"
    done = repo.cpv(*again.replace("dvc cpv ", "").replace("--yes", "--dry-run").split())
    assert done.err == f"cpv: 6 B would be freed; {again} does it\n"
    assert "not allowed with" in repo.cpv("prune", "--yes", "--dry-run", status=254).err
    assert cached(repo, oid).exists()

    done = repo.cpv("prune", "--yes")
    assert (done.lines, done.err) == (shown, "cpv: 6 B freed\n")
    assert not cached(repo, oid).exists()


def test_many_objects_are_not_all_printed(repo: ModelRepo, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(23):
        old(repo, b"%d" % number)
    left = repo.write(".dvc/cache/cpv/1.cpv-tmp", b"half")
    os.utime(left, (0, 0))
    lines, _ = typed(repo, capfd)
    assert lines[0].endswith(": 23 objects, 36 B (nothing needs it)")
    assert lines[21:] == [
        "  … and 3 more (--json has all)",
        f"cache {repo.path}/.dvc/cache: left over: {left}",
    ]


def test_older_versions_and_the_remote(repo: ModelRepo, capfd: pytest.CaptureFixture[str]) -> None:
    for path in (repo.path / ".dvc/cache/files").rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))
    assert typed(repo, capfd, "--keep", "1")[0][0] == (
        f"cache {repo.path}/.dvc/cache: 3 objects, 134 B (an older version, on the remote)"
    )
    assert typed(repo, capfd, "--keep", "1", "--older-than", "1d") == (["nothing to prune"], "")
    assert typed(repo, capfd, "--remote") == (["nothing to prune"], "")


def test_what_makes_no_sense(repo: ModelRepo, capfd: pytest.CaptureFixture[str]) -> None:
    assert typed(repo, capfd, "--keep", "-1", status=1)[1] == (
        "cpv: --keep counts versions; fix: dvc cpv prune --keep 3\n"
    )
    assert typed(repo, capfd, "--grace", "soon", status=1)[1] == (
        "cpv: 'soon' is not an age; fix: write 12h, 30d, 8w or 1y\n"
    )
