"""A hook finds the work tree in which it runs as Git would, with or without asking it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cpv_hooks.git import repo as repos
from cpv_hooks.git.repo import Repo
from support.shell import Shell


@pytest.fixture
def plain(shell: Shell) -> Path:
    shell.git("init", "-q")
    shell.git("commit", "-q", "--allow-empty", "-m", "start")
    return shell.path


def found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Repo, bool]:
    """What a hook in that folder finds, and whether it asked Git."""
    monkeypatch.chdir(folder)
    asked = list[object]()
    run = repos._execute
    with monkeypatch.context() as patched:
        patched.setattr(repos, "_execute", lambda *args: asked.append(args) or run(*args))
        of_hook = Repo.of_hook()
    assert of_hook == Repo.discover()
    return of_hook, bool(asked)


def test_git_is_not_asked_in_a_plain_repository(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(plain, monkeypatch) == (Repo(plain, plain / ".git", plain / ".git"), False)


@pytest.mark.parametrize("key", ["core.worktree", "extensions.worktreeConfig", "include.path"])
def test_git_is_asked_where_a_setting_may_move_the_work_tree(
    plain: Path, key: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.git("config", key, {"core.worktree": str(plain), "include.path": "more"}.get(key, "true"))
    assert found(plain, monkeypatch)[1]


def test_git_is_asked_in_a_linked_work_tree(plain: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.git("worktree", "add", "-q", "../linked")
    there, asked = found(plain.parent / "linked", monkeypatch)
    assert there.linked and asked


def test_git_is_asked_where_its_folder_is_a_link(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (plain / ".git").rename(plain.parent / "moved")
    (plain / ".git").symlink_to("../moved")
    assert found(plain, monkeypatch)[1]


def test_git_is_asked_where_the_environment_names_another_folder(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", os.fspath(plain / ".git"))
    assert found(plain, monkeypatch)[1]


def test_git_is_asked_about_a_repository_of_another_user(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert found(plain, monkeypatch)[1]
