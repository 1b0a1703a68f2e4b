"""Where a version must not be written: over artifacts that a repository tracks, or into Git's and DVC's own folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.no_repository import NoRepository
from cpv_hooks.git.repo import Repo
from cpv_hooks.operations.download.version_content import Stock, local
from cpv_hooks.system.disk_space import nearest
from cpv_hooks.worktree.pointer_files import readable_pointers

_FOREIGN = frozenset({".git", ".dvc"})


def refuse_tracked(stock: Stock, output: Path, option: str = "--output-dir") -> None:
    """Raise `CPVError` where a file of the version would land in `.git` or `.dvc`, or over a tracked artifact.

    `option` is the one by which the user named the folder.
    """
    inside = next((part for part in output.parts if part.lower() in _FOREIGN), None)
    if inside:
        what = f"lies in {inside}, which is reserved for Git and DVC"
        raise CPVError(what, where=str(output), fix=f"name another {option}")
    targets = [output / local(stock.project, pointer) for pointer in stock.pointers]
    for artifact in _tracked(output):
        if any(target.is_relative_to(artifact) or artifact.is_relative_to(target) for target in targets):
            version = stock.version
            fix = (
                f"dvc cpv {version.line} revert --tag {shell_word(version.name)}, or name another {shell_word(option)}"
            )
            raise CPVError("is an artifact that the repository tracks", where=str(artifact), fix=fix)


def _tracked(output: Path) -> Iterator[Path]:
    """The artifacts of the repository around a folder."""
    folder = nearest(output)
    try:
        repo = Repo.discover(folder if folder.is_dir() else folder.parent)
    except NoRepository:
        return
    for pointer in readable_pointers(repo):
        yield repo.top.resolve() / pointer.path
