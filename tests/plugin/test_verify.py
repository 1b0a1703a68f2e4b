"""`dvc cpv verify` as a person types it."""

from __future__ import annotations

import json
from contextlib import chdir
from pathlib import Path

import pytest

from support import two_versions
from support.repos import ModelRepo
from support.shell import BIN
from support.terminal import converse
from support.two_versions import cached, md5, spoil, stored


@pytest.fixture
def repo(tmp_path: Path) -> ModelRepo:
    return two_versions.copy(tmp_path)


def typed(repo: ModelRepo, capfd: pytest.CaptureFixture[str], *words: str, status: int = 0) -> list[str]:
    """`dvc cpv verify` in this process; returns the lines of its output."""
    from dvc.cli import main

    with chdir(repo.path):
        assert main(["cpv", "verify", *words]) == status
    return capfd.readouterr().out.splitlines()


def test_what_is_wrong_is_shown_mended_and_counted(repo: ModelRepo, capfd: pytest.CaptureFixture[str]) -> None:
    assert repo.cpv("verify").out == "5 objects (156 B) of 1 version: nothing wrong\n"

    heavy, light = md5(b"heavier weights"), md5(b"weights")
    spoil(cached(repo, light), b"WEIGHTS")
    stored(repo, heavy).unlink()
    assert typed(repo, capfd, "--all", status=1) == [
        f"model.bin\t7 B\tcache: corrupt\tremote: ok\tv0.0\t{light}",
        f"model.bin\t15 B\tcache: ok\tremote: missing\tHEAD, main, v0.1\t{heavy}",
        "8 objects (290 B) of 4 versions: 2 wrong; dvc cpv verify --repair restores them from good copies",
    ]
    status, table = converse([BIN / "dvc", "cpv", "verify", "--all"], repo.path, [])
    assert status == 1
    assert table.split()[:6] == ["file", "size", "cache", "remote", "versions", "object"]
    listed = json.loads(repo.cpv("verify", "v0.0", "v0.1", "--json", status=1).out)[0]
    assert {
        row["oid"]: (row["cache"], row["remote"], row["versions"]) for row in listed["objects"] if "files" in row
    } == {
        heavy: ("ok", "missing", ["v0.1"]),
        light: ("corrupt", "ok", ["v0.0"]),
    }
    assert typed(repo, capfd, "--all", "--repair")[-1] == ("8 objects (290 B) of 4 versions: nothing wrong, 2 mended")
    assert typed(repo, capfd, "--all", "--deep") == ["8 objects (290 B) of 4 versions: nothing wrong"]

    # Of this one nobody has a copy.
    spoil(cached(repo, light), b"WEIGHTS")
    stored(repo, light).unlink()
    assert typed(repo, capfd, "v0.0", "--repair", status=1) == [
        f"model.bin\t7 B\tcache: corrupt\tremote: missing\tv0.0\t{light}",
        "model.bin of v0.0 cannot be repaired: no good copy is left here or on the remote",
        "5 objects (142 B) of 1 version: 1 wrong",
    ]


def test_a_remote_that_fails_is_one_line(repo: ModelRepo) -> None:
    storage = repo.path.parent / two_versions.STORAGE
    storage.rename(storage.with_name("away"))
    storage.write_text("in the way")
    done = repo.cpv("verify", status=1)
    what = "nothing wrong in what was checked; not checked on the remote: 5 objects"
    assert done.out == f"5 objects (156 B) of 1 version: {what}\n"
    assert done.err.splitlines() == [
        f"cpv: warning: {storage}: there is a file where the remote's directory should be; fix: mv {storage} elsewhere"
    ]
