"""Versions that were retired: they stay in Git with their metrics, and their data may go.

Each retirement is an annotated tag `retired/DATE-HASH` of its own, because plain `git clone`, `git fetch` and `git push
--follow-tags` carry those, and because two people who retire at once then write two tags and not one. Trailers in the
last paragraph of its message::

    Cpv-Retired: v0.3 COMMIT MD5 MD5.dir
    Cpv-Reason: "the reason, as JSON"

and of a tag that takes it back::

    Cpv-Unretired: v0.3 retired/2026-11-28-0123456789ab

A version is retired as long as some tag says so that none takes back: no clock has a say in it. It names the first
commit of its history, far from the versions, so that `git describe` still finds those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypedDict

from cpv_hooks.console.output import printable
from cpv_hooks.console.times import iso_time
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.refs import TAGS, refs_below
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project

FOLDER = "retired/"
"""What the names of these tags begin with."""
_RETIRED = r"(?m)^Cpv-Retired: (\S+) ([0-9a-f]{40,64})((?: [0-9a-f]{32}(?:\.dir)?)*)$"
_UNRETIRED = rf"(?m)^Cpv-Unretired: (\S+) ({FOLDER}\S+)$"
_REASON = r"(?m)^Cpv-Reason: (\".*\")$"


class Retirement(NamedTuple):
    """That a version was retired: when (seconds since the epoch), by whom, why; `oids` is the content that may go.

    `record` is the tag that says so, `record_oid` its object.
    """

    version: str
    commit: str
    oids: frozenset[str]
    time: float
    author: str
    reason: str
    record: str
    record_oid: str

    @property
    def date(self) -> str:
        """The day, in UTC."""
        return datetime.fromtimestamp(self.time, UTC).date().isoformat()

    def __str__(self) -> str:
        who = self.author.partition(" <")[0] or self.author
        why = f": {self.reason}" if self.reason else ""
        return printable(f"{self.version} was retired on {self.date} by {who}{why}")

    def error(self, where: str) -> CPVError:
        """What is said where the data is asked for and nobody here has it."""
        return CPVError(f"{self}; its data is gone", where=where, fix=self.undo)

    @property
    def undo(self) -> str:
        """The way back."""
        return f"dvc cpv retire --undo {shell_word(self.version)} in a clone whose cache has it"


class RetiredEntry(TypedDict):
    """That a version was retired."""

    timestamp: str
    """When, ISO 8601 in UTC."""
    author: str
    """Who did it, `NAME <MAIL>`."""
    reason: str
    """Empty where none was given."""


def retirement_entry(found: Retirement | None) -> RetiredEntry | None:
    """A retirement as JSON has it."""
    if found is None:
        return None
    return RetiredEntry(timestamp=iso_time(found.time), author=found.author, reason=found.reason)


def is_record(name: str) -> bool:
    return name.startswith(FOLDER)


def is_mark(project: Project, name: str) -> bool:
    """Whether a tag's name is one that GTO gives to a version of this model or to its stage: it needs no data of its
    own. One of another artifact is as good as any tag.
    """
    model = project.config.model or "model"
    return name.startswith((f"{model}#", f"{model}@v"))


def read_retirements(repo: Repo) -> dict[str, Retirement]:
    """The versions that are retired, by their tags; of several retirements of one the first. One Git call at most for
    none."""
    return {name: found[0] for name, found in all_retirements(repo).items()}


def taken_back(repo: Repo, names: Sequence[str]) -> list[Retirement]:
    """The retirements that these records take back; none where they take back none."""
    records = set(names)
    values = _records(repo) if records else []
    undone = {found for one in values if one.name in records for found in re.findall(_UNRETIRED, one.last)}
    return [item for one in values for item in one.retirements() if (item.version, item.record) in undone]


def all_retirements(repo: Repo) -> dict[str, list[Retirement]]:
    """Every retirement of each version that nothing takes back, the first one first."""
    values = _records(repo)
    found = [item for one in values for item in one.retirements()]
    undone = {pair for one in values for pair in re.findall(_UNRETIRED, one.last)}
    held = [item for item in found if (item.version, item.record) not in undone]
    if not held:
        return {}
    commits = _commits(repo, {item.version for item in held})
    known: dict[str, list[Retirement]] = {}
    for item in sorted(held, key=lambda item: (item.time, item.record)):
        # A tag of that name which somebody made anew is another version.
        if commits.get(item.version) == item.commit:
            known.setdefault(item.version, []).append(item)
    return known


class _Record(NamedTuple):
    """A tag of ours; `last` is the last paragraph of its message, without a signature."""

    name: str
    oid: str
    author: str
    time: float
    last: str

    def retirements(self) -> list[Retirement]:
        reason = re.search(_REASON, self.last)
        try:
            why = json.loads(reason[1]) if reason else ""
        except ValueError:
            why = ""
        return [
            Retirement(version, commit, frozenset(oids.split()), self.time, self.author, why, self.name, self.oid)
            for version, commit, oids in re.findall(_RETIRED, self.last)
        ]


def _records(repo: Repo) -> list[_Record]:
    refs = refs_below(repo, TAGS + FOLDER)
    if not refs:
        return []
    from cpv_hooks.git.objects import objects_of
    from cpv_hooks.git.records import parse_tag, tagger_of, without_signature

    found = []
    for (ref, oid), read in zip(refs.items(), objects_of(repo).read_all(refs.values()), strict=True):
        if read is not None and read.kind != "tag":
            continue
        data = (read.data if read is not None else None) or b""
        tag = parse_tag(data)
        if tag is None:  # what it takes back, or retires, is not known
            raise CPVError(f"the tag {ref.removeprefix(TAGS)} cannot be read", where=str(repo.top), fix="git fsck")
        # Trailers stand below the subject, never in its place.
        body = without_signature(tag.message).strip().partition("\n\n")[2]
        last = body.strip().rpartition("\n\n")[2]
        found.append(_Record(ref.removeprefix(TAGS), oid, tagger_of(data), float(tag.time or 0), last))
    return found


def _commits(repo: Repo, names: set[str]) -> dict[str, str]:
    from cpv_hooks.git.objects import commits_of

    refs = refs_below(repo, TAGS)
    oids = {name: oid for name in names if (oid := refs.get(TAGS + name)) is not None}
    commits = commits_of(repo, oids.values())
    return {name: commits[oid] for name, oid in oids.items() if oid in commits}


def content(repo: Repo) -> dict[str, Retirement]:
    """Object of an artifact -> the retirement of the version that it belongs to."""
    return {oid: item for item in read_retirements(repo).values() for oid in item.oids}


def retirement_of(repo: Repo, pointers: Sequence[Pointer], version: str | None = None) -> Retirement | None:
    """The retirement that one of these contents went with, if there is one: that of this version before another's."""
    known = read_retirements(repo)
    found = [item for item in known.values() if any(pointer.oid in item.oids for pointer in pointers)]
    return next((item for item in found if item.version == version), found[0] if found else None)
