"""The changes that an installation makes in Git's own folder, written ahead so that a kill is undone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from cpv_hooks.git.git_config import GitConfig
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery import transaction as journal
from cpv_hooks.recovery import undo_install
from cpv_hooks.system.atomic_files import write_atomic


class Alterations:
    """Changes under one transaction: gathered, then done at `step`. What is as it should be already is left out."""

    def __init__(self, repo: Repo, transaction: journal.Transaction) -> None:
        self._repo = repo
        self._transaction = transaction
        self._gathered: list[tuple[Mapping[str, Any], Callable[[], object]]] = []

    @cached_property
    def settings(self) -> GitConfig:
        """Git's, as they are now; what other programs change until the end is not seen."""
        return GitConfig.read(self._repo)

    def write(self, path: Path, data: bytes | None, *, mode: int = 0o666) -> None:
        """Make a file below the common Git directory hold this (None: be gone); a new one gets `mode` and the umask."""
        before = path.read_bytes() if path.is_file() else None
        runs = mode & 0o111 == 0 or data is None or os.access(path, os.X_OK)
        if before == data and runs:
            return
        old_mode = path.stat().st_mode & 0o777 if before is not None else 0o666
        undo = undo_install.git_file(self._name(path), before, data, old_mode)
        self._gathered.append((undo, path.unlink if data is None else partial(write_atomic, path, data, mode=mode)))

    def move(self, source: Path, target: Path) -> None:
        """Rename a file below the common Git directory; nothing is at the new name."""
        undo = undo_install.move(self._name(source), self._name(target))
        self._gathered.append((undo, partial(os.replace, source, target)))

    def set(self, key: str, value: str | None) -> None:
        """Set a key of the repository's own configuration, or take it out (None)."""
        before = self.settings.local_values(key)
        wanted = [] if value is None else [value]
        if before != wanted:
            undo = undo_install.setting(key, before, value)
            self._gathered.append((undo, partial(self._set, key, wanted)))

    def _set(self, key: str, wanted: list[str]) -> None:
        undo_install.set_values(self._repo, key, wanted)
        self.settings.note_local(key, wanted)

    def step(self, name: str) -> None:
        if self._gathered:
            self._transaction.step(name, [undo for undo, _ in self._gathered])
            for _, do in self._gathered:
                do()
            self._gathered = []

    def _name(self, path: Path) -> str:
        # A link such as .git/hooks is followed by whoever opens the file.
        return os.path.relpath(path, self._repo.common_dir)


@contextmanager
def altering(repo: Repo, what: str) -> Iterator[Alterations]:
    """All of the changes, or none of them: also after a kill, and where one of them fails."""
    with journal.begin_transaction(repo, what) as transaction:
        yield Alterations(repo, transaction)
