"""What was found out about the objects of versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.upkeep.verify.needs import VersionNeed

State = Literal["ok", "absent", "missing", "wrong size", "corrupt", "not asked"]
"""How one copy of an object is. `absent`: not there, and it need not be. `not asked`: the remote did not answer."""
BAD: frozenset[State] = frozenset({"missing", "wrong size", "corrupt"})


@dataclass(slots=True)
class Checked:
    """One object: its copies in the cache and on the remote where it belongs; `size` is in bytes, where it is known.

    `mended` says where the good copy came from, by the side that was mended; `hopeless` why a bad one was not.
    """

    need: VersionNeed
    legacy: bool
    remote_name: str | None = None
    cache: State = "absent"
    remote: State = "not asked"
    size: int | None = None
    file: Path | None = None
    mended: dict[str, str] = field(default_factory=dict)
    hopeless: str | None = None

    @property
    def oid(self) -> str:
        return self.need.oid

    @property
    def place(self) -> tuple[str | None, bool]:
        """The remote and the layout; an object may belong in several."""
        return self.remote_name, self.legacy

    @property
    def wrong(self) -> bool:
        """Whether a copy is bad, or one that must be there is not."""
        return self.cache in BAD or self.remote in BAD


@dataclass
class VerifyReport:
    """What `verify` found in one DVC root (`.` for the top). `trouble` are lines about what could not be looked at.

    `unlisted` are the directory objects of which nobody has a good copy, so that their files are not known. `holders`
    are, for each object that is wrong, the artifacts' files and the versions that need it.
    """

    root: str
    remote: str | None
    versions: Sequence[str]
    checks: list[Checked] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    holders: dict[str, list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    repaired: bool = False

    @property
    def wrong(self) -> list[Checked]:
        """The objects of which a copy is, or was, bad; directory objects first."""
        found = [item for item in self.checks if item.wrong or item.mended]
        return sorted(found, key=lambda item: (not is_dir_oid(item.oid), item.need.path, item.oid))

    @property
    def sound(self) -> bool:
        """Whether all could be looked at and nothing is bad (any more)."""
        return not self.trouble and not any(item.wrong for item in self.checks)

    @property
    def bytes(self) -> int:
        """The size of all objects, as far as it is known."""
        return sum({item.oid: item.size or 0 for item in self.checks}.values())

    def files(self, item: Checked) -> list[str]:
        """The artifacts' files that an object is."""
        return list(dict.fromkeys(path for path, _ in self.holders.get(item.oid, []))) or [item.need.path]

    def names(self, item: Checked) -> list[str]:
        """The versions that need an object."""
        found = dict.fromkeys(name for _, names in self.holders.get(item.oid, []) for name in names)
        return list(found) or list(item.need.wanted.versions)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`: every object; of one that is wrong also who needs it."""
        return {
            "root": self.root,
            "remote": self.remote,
            "versions": list(self.versions),
            "sound": self.sound,
            "bytes": self.bytes,
            "trouble": self.trouble,
            "not_looked_at": sum(1 for item in self.checks if item.remote == "not asked"),
            "objects": [self._row(item) for item in self.checks],
        }

    def _row(self, item: Checked) -> dict[str, Any]:
        row: dict[str, Any] = {"oid": item.oid, "size": item.size, "cache": item.cache, "remote": item.remote}
        if item.wrong or item.mended:
            row |= {"files": self.files(item), "versions": self.names(item), "mended": item.mended}
            row["hopeless"] = item.hopeless
        return row
