"""Small files of the work tree appear in one step, and nothing else beside them."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.system.atomic_files import write_atomic
from support import mounts
from support.seen_names import seen_names
from support.shell import Shell

OTHER = 4321
DEFAULT_ACL = "system.posix_acl_default"


@pytest.fixture
def tree(shell: Shell) -> Path:
    """The top of a repository that CPV works with and has a folder in."""
    shell.git("init", "-q")
    Repo.discover(shell.path).state.mkdir()
    return shell.path


def test_a_commit_shows_git_status_no_temporary_file(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": "1", "data/a.csv": "2"})
    repo.write("model.bin", "3")
    repo.write("data/a.csv", "4")
    with seen_names(repo.path, repo.path / "data") as names:
        repo.git("commit", "-qam", "both")
        repo.git("checkout", "-q", "HEAD~1")
    assert {"model.bin.dvc", "data.dvc"} <= names
    assert [name for name in names if name.endswith(".cpv-tmp")] == []
    assert list(repo.path.rglob("*.cpv-tmp")) == []


def test_what_is_written_beside_its_place_is_ignored(make_repo: MakeRepo) -> None:
    repo = make_repo()
    repo.write("models/a.bin", "1")
    repo.track("models/a.bin")
    repo.git("commit", "-qm", "a file in a folder of its own")
    repo.write("models/a.bin", "2")
    repo.git("commit", "-qam", "2")
    with mounts.bound(repo.path / "models"), seen_names(repo.path / "models") as names:
        repo.git("checkout", "-q", "HEAD~1")
    beside = sorted(f"models/{name}" for name in names if name not in ("a.bin", "a.bin.dvc", ".gitignore"))
    assert beside
    assert repo.git("check-ignore", *beside).lines == beside


def set_group(folder: Path) -> None:
    os.chown(folder, -1, OTHER)
    folder.chmod(0o2775)


def let_in(folder: Path) -> None:
    """As `setfacl -d -m u:4321:rw` does it (acl(5), as Linux keeps it)."""
    nobody = 0xFFFFFFFF
    rows = [(1, 7, nobody), (2, 6, OTHER), (4, 5, nobody), (0x10, 7, nobody), (0x20, 0, nobody)]
    os.setxattr(folder, DEFAULT_ACL, struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows))


def rights(path: Path) -> tuple[int, int, int, dict[str, bytes]]:
    status = path.stat()
    lists = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, lists


@pytest.mark.parametrize("prepare", [set_group, let_in, lambda _: None], ids=["group", "access-list", "plain"])
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_file_gets_what_its_folder_gives(tree: Path, prepare: Callable[[Path], None], mask: int) -> None:
    prepare(tree)
    before = os.umask(mask)
    try:
        (tree / "plain").write_text("")
        with seen_names(tree) as names:
            write_atomic(tree / "written", b"1")
    finally:
        os.umask(before)
    assert rights(tree / "written") == rights(tree / "plain")
    assert names == {"written"}


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_keeps_its_mode_owner_and_group(tree: Path, durable: bool) -> None:
    file = tree / "file"
    file.write_text("old")
    os.chown(file, OTHER, OTHER)
    file.chmod(0o640)
    with seen_names(tree) as names:
        write_atomic(file, iter([b"n", b"ew"]), durable=durable)
    assert (file.read_text(), rights(file)) == ("new", (0o640, OTHER, OTHER, {}))
    assert names == {"file"}


def test_a_link_in_its_place_is_replaced(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "file"
    outside.write_text("not yours")
    (tree / "link").symlink_to(outside)
    write_atomic(tree / "link", b"new")
    assert (outside.read_text(), (tree / "link").read_text()) == ("not yours", "new")
    assert not (tree / "link").is_symlink()


def test_what_cannot_be_replaced_stays_and_leaves_nothing(tree: Path) -> None:
    (tree / "folder/inner").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        write_atomic(tree / "folder", b"new")
    assert [path.name for path in tree.iterdir() if path.name != ".git"] == ["folder"]
    assert list((tree / ".git/cpv").iterdir()) == []


def other_disk(tree: Path, stack: ExitStack) -> None:
    stack.enter_context(mounts.small_disk(tree / "folder", "1m"))


def other_mount(tree: Path, stack: ExitStack) -> None:
    """The same disk by its number; what is mounted apart cannot be renamed to all the same."""
    stack.enter_context(mounts.bound(tree / "folder"))


def no_folder_of_ours(tree: Path, stack: ExitStack) -> None:
    (tree / ".git/cpv").rmdir()


def odd_disk(tree: Path, stack: ExitStack) -> None:
    stack.enter_context(mounts.odd(tree / "real", tree / "folder"))


@pytest.mark.parametrize("make", [other_disk, other_mount, no_folder_of_ours, odd_disk])
def test_where_it_cannot_be_done_the_temporary_file_is_beside(
    tree: Path, make: Callable[[Path, ExitStack], None]
) -> None:
    (tree / "folder").mkdir()
    with ExitStack() as stack:
        make(tree, stack)
        file = tree / "folder/deeper/file"
        write_atomic(file, b"1")
        file.chmod(0o640)
        write_atomic(file, iter([b"2", b"3"]), durable=True)
        assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("23", 0o640)
        assert [path.name for path in file.parent.iterdir()] == ["file"]
