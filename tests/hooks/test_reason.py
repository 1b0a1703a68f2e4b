"""Git's and DVC's own reasons, and their commands, reach the user; an `init` that fails leaves nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.errors import CPVError
from cpv_hooks.git.no_repository import NoRepository
from cpv_hooks.git.reason import advised, bare, reason
from cpv_hooks.git.repo import Repo
from cpv_hooks.setup.init.model_repository import dvc, run_command
from support.shell import Shell

INIT = ("init", "--team-name", "team", "--model-name", "m")
DVC = """ERROR: unexpected error - unknown object format 'sha256'

Having any troubles? Hit us up at https://dvc.org/support, we are always happy to help!
"""


def everything(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if "objects" not in path.parts
    }


@pytest.mark.parametrize(
    ("printed", "why", "command"),
    [
        (DVC, "unexpected error - unknown object format 'sha256'", None),
        ("fatal: detected\nTo add:\n\n\tgit config --add x\n", "detected", "git config --add x"),
        ("error: one\nhint: two\n", "one", None),
        ("only this\n", "only this", None),
        ("", "exit status 7", None),
    ],
)
def test_reason(printed: str, why: str, command: str | None) -> None:
    assert (bare(reason(printed, 7)), advised(printed)) == (why, command)


def others(shell: Shell) -> Shell:
    """A repository of another user's."""
    shell.git("init", "-q", "theirs")
    repo = Shell(shell.path / "theirs")
    for path in (repo.path, repo.path / ".git"):
        os.chown(path, 12345, 12345)
    return repo


@pytest.mark.compatibility("Git settings and versions", "`safe.directory`, of one command too")
@pytest.mark.parametrize(
    "command",
    [("status",), INIT, ("doctor",), ("verify",), ("model", "info", "--team-name", "t", "--model-name", "m")],
)
def test_a_repository_of_somebody_elses(shell: Shell, command: tuple[str, ...]) -> None:
    repo = others(shell)
    before = everything(repo.path)
    said = repo.cpv(*command, status=None)
    assert said.status not in (0, 3)
    assert f"detected dubious ownership in repository at '{repo.path}'" in said.err
    assert f"git config --global --add safe.directory {repo.path}" in said.err
    assert "not inside a Git work tree" not in said.text
    assert everything(repo.path) == before


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda repo: repo.write(".git/config", "[core\n"), "bad config line 1"),
        (lambda repo: repo.git("config", "core.repositoryformatversion", "9"), "Expected git repo version"),
    ],
)
def test_a_repository_that_git_cannot_read(shell: Shell, spoil: object, words: str) -> None:
    shell.git("init", "-q")
    spoil(shell)  # type: ignore[operator]
    with pytest.raises(CPVError, match=words) as caught:
        Repo.discover(shell.path)
    assert not isinstance(caught.value, NoRepository)


def test_a_git_file_that_leads_nowhere(shell: Shell) -> None:
    shell.write(".git", "gitdir: /nowhere/at/all\n")
    # Git 2.55 says `(null)` where others name the place.
    with pytest.raises(CPVError, match=r"not a git repository: (/nowhere/at/all|\(null\))"):
        Repo.discover(shell.path)


def test_no_repository_is_what_it_was(shell: Shell) -> None:
    with pytest.raises(
        NoRepository,
        match=r"not inside a Git work tree; fix: cd to a repository \(git clone or dvc cpv init makes one\)$",
    ):
        Repo.discover(shell.path)
    shell.git("init", "-q", "--bare", "bare")
    with pytest.raises(NoRepository):
        Repo.discover(shell.path / "bare")
    with pytest.raises(CPVError, match="no such folder"):
        Repo.discover(shell.path / "gone")


@pytest.mark.compatibility(
    "Git layouts", "SHA-256 object names", unsupported="`dvc cpv init` says that DVC cannot read it"
)
def test_a_sha256_repository(shell: Shell) -> None:
    shell.git("init", "-q", "--object-format=sha256")
    before = everything(shell.path)
    said = shell.cpv(*INIT, status=1)
    assert "names the objects of this repository by sha256, and DVC cannot read it" in said.err
    assert "git init --object-format=sha1" in said.err
    assert everything(shell.path) == before


def test_a_user_whose_git_makes_sha256(shell: Shell) -> None:
    shell.cpv(*INIT, env={"GIT_DEFAULT_HASH": "sha256"})
    assert Shell(shell.path / "m").git("rev-parse", "--show-object-format").out == "sha1\n"


def test_dvcs_reason(make_repo: MakeRepo) -> None:
    repo = make_repo(install=False)
    with pytest.raises(CPVError, match=r"dvc failed: .*remote 'nothing' doesn't exist"):
        run_command(dvc("remote", "remove", "nothing"), repo.path)


def without_commit(shell: Shell) -> dict[str, str]:
    """An environment in which `git commit`, the last step, fails."""
    git = shutil.which("git")
    script = f"""#!/bin/sh
for word; do
    [ "$word" = commit ] && {{ echo "fatal: no luck" >&2; exit 1; }}
done
exec {git} "$@"
"""
    path = shell.write("bin/git", script)
    path.chmod(0o755)
    return {"PATH": f"{path.parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize("place", ["new", "empty", "git", "dvc"])
def test_an_init_that_fails_leaves_nothing(shell: Shell, make_repo: MakeRepo, place: str) -> None:
    folder = Shell(shell.path / "here")
    if place == "dvc":
        folder = make_repo("here", install=False)
        (folder.path / ".cpv.toml").unlink()
        folder.git("commit", "-qam", "without CPV")
    elif place != "new":
        folder.path.mkdir()
    if place == "git":
        folder.git("init", "-q")
        folder.write("code.py", "print()\n")
        folder.git("add", "-A")
        folder.git("commit", "-qm", "code")
    before = everything(folder.path) if folder.path.exists() else None
    args = ("init", "here", "--team-name", "team", "--model-name", "m")
    said = shell.cpv(*args, status=1, env=without_commit(shell))
    assert "no luck" in said.err
    assert (everything(folder.path) if folder.path.exists() else None) == before
    shell.cpv(*args)
