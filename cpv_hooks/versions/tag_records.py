"""What this clone has noted of its tags: which ones a push sent out, and which ones were made here."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from cpv_hooks import state_files
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import sync_to_disk
from cpv_hooks.system.own_files import open_own


def published_names(repo: Repo) -> set[str]:
    """The tags that a push of this clone sent out, as far as is known."""
    return {name for name, _ in _went_out(repo)}


def _went_out(repo: Repo) -> Iterator[tuple[str, str]]:
    for line in _lines(repo.shared / state_files.PUBLISHED):
        yield line.partition(" ")[0], line.partition(" ")[2]
    for path in (repo.shared / state_files.SENT).glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            yield from state_files.read_json(path)["oids"].items()


def mark_published(repo: Repo, tags: Sequence[str] | Mapping[str, str]) -> None:
    """Remember that tags went out, by name or with what each was then; on the disk when this returns."""
    known = set(_lines(repo.shared / state_files.PUBLISHED))
    oids = tags if isinstance(tags, Mapping) else dict.fromkeys(tags, "")
    lines = (f"{name} {oid}".rstrip() for name, oid in oids.items())
    _append(repo.shared / state_files.PUBLISHED, (line for line in lines if line not in known))


class Records(NamedTuple):
    """What this clone knows of its tags: which went out, and what they were then, and which were made here."""

    published: Collection[str]
    published_as: Mapping[str, Collection[str]]
    made: Collection[str]

    @classmethod
    def of(cls, repo: Repo) -> Self:
        """Read once, for any number of tags."""
        names, oids = set[str](), dict[str, list[str]]()
        for name, oid in _went_out(repo):
            names.add(name)
            if oid:
                oids.setdefault(name, []).append(oid)
        return cls(names, oids, tags_made_here(repo))

    def moved_from(self, name: str, oid: str) -> str | None:
        """What a published tag was when it went out, where it is something else now."""
        known = self.published_as.get(name, ())
        return next(iter(known)) if known and oid not in known else None

    def is_settled(self, name: str, oid: str) -> bool:
        """Whether a tag went out, or was made here."""
        return name in self.published or f"{oid} {name}" in self.made


def tags_made_here(repo: Repo) -> set[str]:
    """`OID NAME` of every tag that was made in this clone."""
    return set(_lines(repo.shared / state_files.MADE))


def note_made(repo: Repo, oids: Mapping[str, str]) -> None:
    """Remember tags, name -> object id, that were made in this clone."""
    _append(repo.shared / state_files.MADE, (f"{oid} {name}" for name, oid in oids.items()))


def _lines(path: Path) -> list[str]:
    try:
        with os.fdopen(open_own(path, os.O_RDONLY), "rb") as stream:
            return os.fsdecode(stream.read()).split("\n")
    except FileNotFoundError:
        return []


def _append(path: Path, lines: Iterable[str]) -> None:
    data = os.fsencode("".join(line + "\n" for line in lines))
    if not data:
        return
    # One write in append mode: lines of two processes do not mix.
    descriptor = open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_to_disk(path.parent)
