"""Two users of one group in one clone, and root once before its user: CPV's files are for those who may use Git's."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks import state_files
from support.people import TEAM, Person
from support.shell import Shell

ADA, BOB = 47111, 47112
KILLED = """from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery import journal_file
journal_file.create_journal(Repo.discover(), "a test", None)
"""
Room = Callable[[str | None], Path]


@pytest.fixture
def room(make_repo: MakeRepo) -> Iterator[Room]:
    """Makes a repository that is Ada's, with a version, and shares it as `git init --shared` does; pytest's own folder
    is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="cpv-people-"))
    folder.chmod(0o755)

    def make(shared: str | None) -> Path:
        settings = '[cpv]\nteam = "v"\nmodel = "r"\n[artifacts]\nmodel = ["model.bin"]\n'
        place, storage = folder / "repo", folder / "storage"
        make_repo(str(place), remote=storage, install=False, settings=settings, files={"model.bin": "model 0\n"})
        repo = Shell(place)
        for number in range(256):  # a directory remote has folders that are as the umask of the first user has them
            (storage / f"files/md5/{number:02x}").mkdir(parents=True, exist_ok=True)
        if shared is not None:
            repo.git("init", "-q", f"--shared={shared}")
            repo.write(".dvc/config.local", "[cache]\n    shared = group\n")
        for top in (place, storage):
            repo.run("chown", "-R", f"{ADA}:{TEAM if shared else ADA}", top)
            if shared is not None:
                repo.run("chmod", "-R", "g+rwX", top)
                repo.run("find", top, "-type", "d", "-exec", "chmod", "g+s", "{}", "+")
        return folder

    yield make
    shutil.rmtree(folder)


def work(who: Person, number: int) -> None:
    """A version: seen, committed, tagged; an older one and it again checked out. Git and CPV say nothing else."""
    here = who.folder
    # With a umask of 022 Git itself leaves this file to its first user alone.
    who.run("rm", "-f", ".git/COMMIT_EDITMSG", "model.bin")
    who.put("model.bin", f"model {number}\n")
    assert who.git("status", "--porcelain").text == " M model.bin.dvc\n"
    assert who.git("commit", "-qm", f"version {number}").text == f"cpv: tagged v0.{number - 1}\n"
    assert who.git("checkout", "-q", "HEAD^").text == ""
    assert (here / "model.bin").read_text() == f"model {number - 1}\n"
    assert who.git("checkout", "-q", "main").text == ""
    assert (here / "model.bin").read_text() == f"model {number}\n"


def closed_ones(folder: Path) -> list[str]:
    """What in a folder the group cannot use."""
    found = []
    for path in [folder, *folder.rglob("*")]:
        wanted = 0o2070 if path.is_dir() else 0o060
        if stat.S_IMODE(path.stat().st_mode) & wanted != wanted or path.stat().st_gid != TEAM:
            found.append(f"{path.relative_to(folder)} {stat.filemode(path.stat().st_mode)}")
    return found


@pytest.mark.compatibility("Git layouts", "`core.sharedRepository`: two users in one clone")
@pytest.mark.parametrize(("shared", "mask"), [("group", "002"), ("0660", "022"), ("world", "022")])
def test_two_users_work_in_one_clone(room: Room, shared: str, mask: str) -> None:
    place = room(shared)
    ada, bob = (Person.new(place, place / "repo", uid, mask) for uid in (ADA, BOB))
    ada.cpv("install")
    ada.git("init", "-q", "--bare", f"--shared={shared}", "../storage/host.git")
    for number, who in enumerate((ada, bob, ada), start=1):
        work(who, number)
    assert "fatal" not in bob.git("push", "-q", "../storage/host.git", "main", "v0.1").text
    assert ada.git("push", "-q", "../storage/host.git", "main", "v0.2").text == ""
    bob.run("rm", "-f", "model.bin")
    bob.put("model.bin", "nobody's version\n")
    bob.git("checkout", "-qf", "v0.0")
    listed = ada.cpv("rescue", "list").out
    assert listed.startswith("1\t")
    assert listed == bob.cpv("rescue", "list").out
    ada.cpv("rescue", "drop", "1")
    # What one of them was killed in, the other undoes.
    ada.run(sys.executable, "-c", KILLED)
    journal = place / "repo/.git" / state_files.FOLDER / state_files.JOURNAL
    assert closed_ones(journal) == []
    bob.git("status")
    assert not journal.exists()
    assert bob.cpv("sync").text == ""
    assert "hooks installed" in bob.cpv("install").text
    bob.cpv("prune", "--yes", "--force")
    assert closed_ones(place / "repo/.git" / state_files.FOLDER) == []
    assert [line for line in closed_ones(place / "repo/.dvc/cache/files") if " d" in line] == []
    bob.cpv("config", "set", "quiet", "false")
    personal = bob.home / "home/.cpv"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (personal, personal / state_files.CONFIG)]
    assert modes == [0o700, 0o600]


def test_root_once_then_the_user(room: Room) -> None:
    place = room(None)
    ada, root = Person.new(place, place / "repo", ADA), Person.new(place, place / "repo", 0)
    root.cpv("install")
    work(root, 1)
    # What Git and DVC leave to root is theirs to say.
    theirs = [".git/objects", ".git/logs", ".git/refs", ".dvc", "../storage"]
    Shell(place / "repo").run("chown", "-R", str(ADA), *theirs)
    work(ada, 2)
    ada.git("init", "-q", "--bare", "../storage/host.git")
    assert ada.git("push", "-q", "../storage/host.git", "main", "v0.1").text == ""
    ada.put("model.bin", "nobody's version\n")
    ada.git("checkout", "-qf", "v0.0")
    assert ada.cpv("rescue", "list").out.startswith("1\t")
    state = place / "repo/.git" / state_files.FOLDER
    assert [path.name for path in [state, *state.rglob("*")] if path.stat().st_uid != ADA] == []


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
@pytest.mark.parametrize(
    "shared", ["umask", "group", "all", "world", "everybody", "0660", "0640", "0664", "0600", "1", "2", "true", "false"]
)
def test_modes_are_those_of_git(tmp_path: Path, shared: str, mask: int) -> None:
    """Compared with what Git itself makes: a file, an executable one and a folder."""
    from cpv_hooks.git.repo import Repo
    from cpv_hooks.system.atomic_files import make_folder, write_atomic

    before = os.umask(mask)
    try:
        shell = Shell(tmp_path)
        shell.git("init", "-q", f"--shared={shared}")
        repo = Repo.discover(tmp_path)
        make_folder(repo.state / "folder")
        write_atomic(repo.state / "file", b"")
        write_atomic(repo.state / "private", b"", mode=0o600)
        shell.git("update-ref", "refs/sub/ref", shell.git("hash-object", "-w", "--stdin").out.strip())
    finally:
        os.umask(before)

    def mode(path: Path) -> str:
        return oct(stat.S_IMODE(path.stat().st_mode))

    assert mode(repo.state) == mode(repo.state / "folder") == mode(repo.git_dir / "refs/sub")
    # Where nobody but the owner gets into the folder, the files in it may say what they like.
    if repo.state.stat().st_mode & 0o077:
        assert mode(repo.state / "file") == mode(repo.git_dir / "refs/sub/ref")
    assert mode(repo.state / "private") == "0o600"


def test_a_pointer_that_is_rewritten_keeps_its_mode_and_group(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": "model 0\n"})
    pointer = repo.path / "model.bin.dvc"
    os.chown(pointer, ADA, TEAM)
    pointer.chmod(0o664)
    repo.write("model.bin", "model 1\n")
    repo.git("commit", "-qm", "second")
    now = pointer.stat()
    assert (stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid) == (0o664, ADA, TEAM)
