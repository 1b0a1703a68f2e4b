"""Undoing what was done to an artifact: from the cache, file by file, and never over what the user put there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import pytest

from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.recovery import undo
from cpv_hooks.recovery.undo_artifact import artifact
from support.shell import Shell


@pytest.fixture
def shell(make_repo: Callable[..., Shell]) -> Shell:
    return make_repo(install=False)


@pytest.fixture
def project(shell: Shell) -> Project:
    return Project.open(Repo.discover(shell.path), shell.path)


def content(project: Project, files: dict[str, bytes] | bytes) -> Content:
    """Put a file or a folder into the cache."""
    cache = Cache(project.cache_dir)

    def store(data: bytes) -> str:
        oid = hashlib.md5(data).hexdigest()
        cache.add_bytes(oid, data)
        return oid

    if isinstance(files, bytes):
        return Content(store(files), len(files))
    data = dir_object_bytes((name, store(text)) for name, text in files.items())
    cache.add_bytes(dir_oid(data), data)
    return Content(dir_oid(data), 0, len(files))


FOLDER = {"a": b"1", "sub/b": b"2"}


@pytest.mark.parametrize(
    ("before", "after", "now", "then"),
    [
        (b"old", b"new", b"new", b"old"),
        (b"old", b"new", b"old", b"old"),
        (b"old", b"new", b"mine", b"mine"),
        (None, b"new", b"new", None),
        (None, b"new", b"mine", b"mine"),
        (b"old", None, None, b"old"),
        (FOLDER, {"a": b"1", "c": b"3"}, {"a": b"1", "c": b"3"}, FOLDER),
        (FOLDER, {"a": b"9", "c": b"3"}, {"a": b"9", "sub/b": b"2"}, FOLDER),
        (FOLDER, {"a": b"9"}, {"a": b"9", "mine": b"m"}, {**FOLDER, "mine": b"m"}),
        (None, FOLDER, FOLDER, None),
        (FOLDER, None, None, FOLDER),
        (b"old", FOLDER, FOLDER, b"old"),
        (b"old", FOLDER, {"a": b"1"}, b"old"),
        (FOLDER, b"new", b"new", FOLDER),
    ],
)
def test_an_artifact_goes_back_file_by_file(
    project: Project, shell: Shell, before: object, after: object, now: object, then: object
) -> None:
    def known(value: object) -> Content | None:
        return None if value is None else content(project, value)  # type: ignore[arg-type]

    action = artifact(project, "x", known(before), known(after), None)
    if isinstance(now, bytes):
        shell.write("x", now)
    for name, data in now.items() if isinstance(now, dict) else ():
        shell.write(f"x/{name}", data)
    for _ in range(2):
        undo.undo_steps(project.repo, [[action]], shell.head())
        if isinstance(then, dict):
            assert {
                p.relative_to(shell.path / "x").as_posix(): p.read_bytes()
                for p in (shell.path / "x").rglob("*")
                if p.is_file()
            } == then
        elif then is None:
            assert not (shell.path / "x").exists()
        else:
            assert shell.read("x") == then


def test_an_executable_is_one_again(project: Project, shell: Shell) -> None:
    held = content(project, b"run")
    action = artifact(project, "x", Content(held.oid, 3, isexec=True), held, None)
    shell.write("x", b"run")
    undo.undo_steps(project.repo, [[action]], shell.head())
    assert os.access(shell.path / "x", os.X_OK)


def test_a_cache_that_lost_the_old_content_is_named_and_nothing_goes(project: Project, shell: Shell) -> None:
    old, new = content(project, b"old"), content(project, b"new")
    Cache(project.cache_dir).path(old.oid).unlink()
    shell.write("x", b"new")
    with pytest.raises(CPVError, match=f"x: the cache lost object {old.oid}; fix: look for a copy"):
        undo.undo_steps(project.repo, [[artifact(project, "x", old, new, None)]], shell.head())
    assert shell.read("x") == b"new"
