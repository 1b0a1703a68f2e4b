"""Files of CPV's own are opened without following a link."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.system.locks import locked
from cpv_hooks.versions.tag_refs import note_made
from support.shell import Shell


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.symlink_to(tmp_path / "elsewhere")
    said = "not a file of CPV's own but a link or a device"
    with pytest.raises(CPVError, match=said) as raised, locked(lock, wait=True, say="testing"):
        pass
    assert raised.value.fix == f"rm {lock} (CPV makes it anew)"
    assert not (tmp_path / "elsewhere").exists()


def test_a_record_that_is_a_link_is_not_followed(shell: Shell) -> None:
    shell.git("init", "-q")
    (shell.path / ".git/cpv").mkdir()
    (shell.path / ".git/cpv/made").symlink_to(shell.path / "elsewhere")
    with pytest.raises(CPVError, match="a link or a device"):
        note_made(Repo.discover(shell.path), {"v0.0": "0" * 40})
    assert not (shell.path / "elsewhere").exists()
