"""What a check is about."""

from __future__ import annotations

from pathlib import Path

from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line


class Subject(NamedTuple):
    """What an operation is about.

    `version` is the one that a user asked for, None for the next. `source` is the path that is uploaded or imported.
    `bytes_needed` is what the operation writes to each place (cache, work tree or `destination`, a remote that is a
    folder); None for the size of `source`. `destination` is the folder of a download. `commits` says that a commit
    will be made, to which a detached HEAD matters; an upload always makes one.
    """

    project: Project | None
    lines: tuple[Line, ...] = (Line.MODEL,)
    version: str | None = None
    source: Path | None = None
    bytes_needed: int | None = None
    destination: Path | None = None
    commits: bool = False

    @property
    def makes_commit(self) -> bool:
        return self.commits or self.source is not None

    def bytes_written(self) -> int:
        """Bytes that are written to each place."""
        if self.bytes_needed is not None or self.source is None:
            return self.bytes_needed or 0
        paths = [self.source, *(self.source.rglob("*") if self.source.is_dir() else ())]
        return sum(path.stat().st_size for path in paths if path.is_file())
