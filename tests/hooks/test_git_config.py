"""Git's configuration read whole: each key as Git's own `--get` says it."""

from __future__ import annotations

import pytest

from cpv_hooks.git.git_config import GitConfig
from cpv_hooks.git.repo import Repo
from support.shell import Shell

KEYS = ("core.fsmonitor", "push.followTags", "merge.dvc.name", "merge.DVC.name", "core.hooksPath", "no.such.key")


@pytest.fixture(autouse=True)
def _repository(shell: Shell) -> None:
    shell.git("init", "-q")


def test_each_key_has_the_value_that_git_says(shell: Shell) -> None:
    shell.write("included", '[merge "dvc"]\n\tname = included\n')
    for words in (
        ("--add", "push.followTags", "false"),
        ("--add", "push.followtags", "true"),
        ("--add", "merge.DVC.name", "another\nof two lines"),
        ("include.path", "../included"),
        ("--global", "core.fsmonitor", "of everybody"),
        ("core.hooksPath", ""),
    ):
        shell.git("config", *words)
    with (shell.path / ".git/config").open("a") as stream:
        stream.write("[gc]\n\tautoDetach\n")
    config = GitConfig.read(Repo.discover(shell.path))
    for key in (*KEYS, "gc.autodetach"):
        got = shell.git("config", "--get", key, status=None).out.removesuffix("\n") or None
        assert config.get(key) == got, key
        local = shell.git("config", "--local", "-z", "--get-all", key, status=None).out.split("\0")[:-1]
        assert config.local_values(key) == local, key
    assert config.local_values("push.followTags") == ["false", "true"]
    assert config.get("core.fsmonitor") == "of everybody"


def test_what_was_set_meanwhile_is_known(shell: Shell) -> None:
    config = GitConfig.read(Repo.discover(shell.path))
    config.note_local("push.followTags", ["true"])
    assert config.local_values("push.FOLLOWtags") == ["true"]


def test_a_file_that_git_cannot_read_sets_nothing(shell: Shell) -> None:
    repo = Repo.discover(shell.path)
    (shell.path / ".git/config").write_text("[core\n")
    assert GitConfig.read(repo) == ({}, {})
