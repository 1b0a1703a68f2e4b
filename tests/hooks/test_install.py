"""Installing and removing are transactions: whatever kills them, Git's own folder is as it was, or as it should be."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery import transaction
from cpv_hooks.setup.install.install import install
from cpv_hooks.setup.install.uninstall import uninstall
from support.killed import kill_at, steps_of
from support.shell import Shell

INSTALL = "from cpv_hooks.setup.install.install import install; install(repo)"
UNINSTALL = "from cpv_hooks.setup.install.uninstall import uninstall; uninstall(repo)"


@pytest.fixture
def repo(shell: Shell) -> Repo:
    """A repository with hooks, settings and excluded files of its user's own."""
    shell.git("init", "-q")
    shell.git("commit", "-q", "--allow-empty", "-m", "first")
    for name in ("pre-commit", "commit-msg", "post-checkout"):
        shell.write(f".git/hooks/{name}", f"#!/bin/sh\necho mine {name} >&2\n").chmod(0o751)
    (shell.path / ".git/hooks/pre-push").symlink_to("commit-msg")
    shell.write(".git/info/exclude", "*.tmp\nno end")
    shell.git("config", "merge.dvc.driver", "mine %A")
    shell.git("config", "--add", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    return Repo.discover(shell.path)


def hooked(repo: Repo) -> dict[str, tuple[bytes, int] | str]:
    """Everything in the Git directory that decides what Git does, with its mode."""
    found: dict[str, tuple[bytes, int] | str] = {}
    for path in [
        repo.git_dir / "config",
        *sorted((repo.git_dir / "hooks").iterdir()),
        *(repo.git_dir / "info").iterdir(),
    ]:
        name = str(path.relative_to(repo.git_dir))
        found[name] = os.readlink(path) if path.is_symlink() else (path.read_bytes(), path.stat().st_mode)
    return found


def test_a_killed_installation_is_undone(repo: Repo, shell: Shell) -> None:
    before = hooked(repo)
    for step in ["set hooks aside", "hooks", "settings", "record", "done"]:
        kill_at(shell, step, INSTALL)
        assert transaction.left(repo)
        transaction.recover(repo)
        assert hooked(repo) == before, step
    assert steps_of(shell, INSTALL) == ["set hooks aside", "hooks", "settings", "record", "done"]
    assert uninstall(repo)
    assert hooked(repo) == before
    assert not repo.shared.exists()


def test_a_killed_removal_is_undone_or_ended(repo: Repo, shell: Shell) -> None:
    before = hooked(repo)
    install(repo)
    installed = hooked(repo)
    for step in ["hooks", "put hooks back", "settings", "record", "done"]:
        kill_at(shell, step, UNINSTALL)
        transaction.recover(repo)
        assert hooked(repo) == installed, step
    kill_at(shell, "settings", UNINSTALL)
    uninstall(repo)
    assert hooked(repo) == before
    assert not repo.shared.exists()


def test_a_removal_that_was_killed_after_its_last_step_is_ended(repo: Repo, shell: Shell) -> None:
    before = hooked(repo)
    install(repo)
    code = (
        "import os, shutil; from cpv_hooks.git.repo import Repo\n"
        "from cpv_hooks.setup.install.uninstall import uninstall\n"
        f"shutil.rmtree = lambda *_, **__: os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
        "uninstall(Repo.discover())\n"
    )
    shell.python("-c", code, status=-signal.SIGKILL)
    assert hooked(repo) == before
    assert repo.shared.exists()
    assert uninstall(repo) == []
    assert not repo.shared.exists()
    assert uninstall(repo) == ["CPV is not installed in this repository"]


def test_a_killed_installation_is_finished_by_the_next(repo: Repo, shell: Shell) -> None:
    before = hooked(repo)
    kill_at(shell, "settings", INSTALL)
    install(repo)
    installed = hooked(repo)
    assert install(repo)
    assert hooked(repo) == installed
    uninstall(repo)
    assert hooked(repo) == before


def test_plain_git_goes_on_after_a_kill(repo: Repo, shell: Shell) -> None:
    before = hooked(repo)
    kill_at(shell, "record", INSTALL)
    assert shell.git("status", "--porcelain").out == ""
    stopped = shell.git("commit", "-q", "--allow-empty", "-m", "second", status=None)
    if stopped.status:
        assert "cpv: an interrupted operation was undone first; fix: git status, then run the same" in stopped.err
        shell.git("commit", "-q", "--allow-empty", "-m", "second")
    assert hooked(repo) == before


def test_a_setting_that_cannot_be_changed_takes_everything_back(repo: Repo) -> None:
    before = hooked(repo)
    lock = repo.git_dir / "config.lock"
    lock.touch()
    with pytest.raises(CPVError, match=r"could not lock.* \(rolled back: hooks, set hooks aside\)"):
        install(repo)
    lock.unlink()
    assert hooked(repo) == before


def test_a_hook_of_the_user_s_that_came_after_the_kill_stays(repo: Repo, shell: Shell) -> None:
    kill_at(shell, "settings", INSTALL)
    mine = shell.write(".git/hooks/post-merge", "#!/bin/sh\nexit 0\n")
    transaction.recover(repo)
    assert mine.read_text() == "#!/bin/sh\nexit 0\n"
    install(repo)
    uninstall(repo)
    assert mine.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_key_of_several_values_gets_them_back(repo: Repo, shell: Shell) -> None:
    for value in ("one %A", "two %A"):
        shell.git("config", "--add", "merge.dvc.driver", value)
    before = hooked(repo)
    kill_at(shell, "done", INSTALL)
    transaction.recover(repo)
    assert shell.git("config", "--get-all", "merge.dvc.driver").lines == ["mine %A", "one %A", "two %A"]
    assert {name: value for name, value in hooked(repo).items() if name != "config"} == {
        name: value for name, value in before.items() if name != "config"
    }


def test_init_goes_on_after_a_kill_in_its_installation(shell: Shell) -> None:
    shell.git("init", "-q", "m")
    made = Shell(shell.path / "m")
    made.write("train.py", "1\n")
    made.git("add", "-A")
    made.git("commit", "-qm", "mine")
    kill_at(made, "done", INSTALL)
    shell.cpv("init", "m", "--team-name", "t", "--model-name", "m", "--remote", str(shell.path / "storage"))
    assert (made.path / ".git/cpv/install.json").exists()
    assert not transaction.left(Repo.discover(made.path))
    assert "nothing to do" in shell.cpv("init", "m").text


@pytest.mark.compatibility("Git settings and versions", "Git before 2.28", unsupported="`init` and `install` say so")
@pytest.mark.parametrize("command", [("install",), ("init", "--team-name", "team", "--model-name", "m")])
def test_a_git_that_is_too_old(shell: Shell, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    shell.git("init", "-q", "here")
    repo = Shell(shell.path / "here")
    old = shell.write(
        "bin/git", f'#!/bin/sh\n[ "$1" != version ] || exec echo git version 2.27.1\nexec {shutil.which("git")} "$@"\n'
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}{os.pathsep}{os.environ['PATH']}")
    before = sorted(path for path in repo.path.rglob("*"))
    said = repo.cpv(*command, status=1).err
    assert said == "cpv: git version 2.27.1: 2.28 is the oldest that works; fix: install a newer Git\n"
    assert sorted(path for path in repo.path.rglob("*")) == before
