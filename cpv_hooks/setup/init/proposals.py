"""Large files in an existing repository that DVC does not have yet: what `dvc cpv init` proposes to track."""

from __future__ import annotations

from pathlib import Path

from cpv_hooks.dvcformat.pointer import parse_pointers
from cpv_hooks.git.index import literal
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project import plugins
from cpv_hooks.project.config import Kind
from cpv_hooks.worktree.new_artifacts import overlaps
from cpv_hooks.worktree.pointer_files import pointer_files

MIN_BYTES = 1_000_000
FOLDERS = frozenset(("tokenizer",))
# Where programs keep their own large files.
_FOREIGN = frozenset((".dvc", ".venv", "venv", "env", "node_modules", "site-packages", "__pycache__", ".tox", ".cache"))


class Proposal(NamedTuple):
    """A path (relative to the DVC root) that looks like an artifact, and its size in bytes."""

    path: str
    kind: Kind
    size: int


def propose_artifacts(repo: Repo, root: Path) -> list[Proposal]:
    """Untracked or ignored model files and tokenizer folders over 1 MB below a DVC root, the largest first."""
    # Without --exclude-standard ignored files are listed too; repositories inside this one are not entered.
    listed = repo.run("ls-files", "-z", "--others", "--", *literal([root])).split("\0")
    sizes: dict[str, int] = {}
    for name in filter(None, listed):
        path = repo.top / name
        local = path.relative_to(root).as_posix()
        unit = _unit(local)
        if unit is not None and path.is_file() and not path.is_symlink():
            size = path.stat().st_size
            # A plugin may know more names than the table: it is asked about large files alone.
            if unit != local or (size > MIN_BYTES and _kind(local) == "model"):
                sizes[unit] = sizes.get(unit, 0) + size
    taken = set(described_artifacts(repo, root))
    found = [Proposal(path, _kind(path), size) for path, size in sizes.items() if size > MIN_BYTES]
    return sorted((item for item in found if not overlaps(item.path, taken)), key=lambda item: (-item.size, item.path))


def _unit(local: str) -> str | None:
    """What a file would be tracked as: itself or the tokenizer folder that it lies in; None for what is another's."""
    parts = local.split("/")
    if _FOREIGN & set(parts[:-1]):
        return None
    for depth, part in enumerate(parts[:-1]):
        if part in FOLDERS:
            return "/".join(parts[: depth + 1])
    return local


def _kind(path: str) -> Kind:
    return plugins.kind(path) or "extra"


def described_artifacts(repo: Repo, root: Path) -> dict[str, Kind]:
    """The artifacts that `.dvc` files below a DVC root name, each with the kind that it seems to have."""
    found: dict[str, Kind] = {}
    for file in pointer_files(repo):
        path = repo.top / file
        if not path.is_file() or not path.is_relative_to(root):
            continue
        for pointer in parse_pointers(path.read_text(encoding="utf-8"), file):
            local = (repo.top / pointer.path).relative_to(root).as_posix()
            found[local] = _kind(local)
    return found
