"""Writing that versions are retired, and that they are no longer: the one place where either happens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from cpv_hooks.console.output import few
from cpv_hooks.errors import CPVError
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project import retired
from cpv_hooks.project.retired import Retirement
from cpv_hooks.versions import tag_objects, tag_refs

_SHOWN = 5


class Retiring(NamedTuple):
    """A version that is to be retired, with the objects of its artifacts whose data goes with it."""

    name: str
    commit: str
    oids: frozenset[str]


def write_retirement(repo: Repo, versions: Sequence[Retiring], reason: str | None) -> str:
    """Write the tag that says that these versions are retired; returns its name. They must not be retired yet."""
    trailers = [f"Cpv-Retired: {' '.join([one.name, one.commit, *sorted(one.oids)])}" for one in versions]
    return _write(repo, versions[0].commit, f"{few([one.name for one in versions], _SHOWN)} retired", trailers, reason)


def take_back(repo: Repo, held: Sequence[Retirement], reason: str | None) -> str:
    """Write the tag that takes these retirements back; returns its name."""
    trailers = [f"Cpv-Unretired: {item.version} {item.record}" for item in held]
    head = f"{few(list(dict.fromkeys(item.version for item in held)), _SHOWN)} no longer retired"
    return _write(repo, held[0].commit, head, trailers, reason)


def _write(repo: Repo, commit: str, head: str, trailers: Sequence[str], reason: str | None) -> str:
    why = " ".join((reason or "").split())
    body = "\n".join([*trailers, *([f"Cpv-Reason: {json.dumps(why)}"] if why else [])])
    head += f": {why}" if why else ""
    who = tag_objects.tagger(repo)
    name = _free_name(repo, f"{who}\n{head}\n{body}")
    oid = tag_objects.make_object(repo, name, _first(repo, commit), f"{head}\n\n{body}\n")
    tag_refs.update_tags(repo, create={name: oid})
    return name


def _free_name(repo: Repo, said: str) -> str:
    """A name that no record has. The same words of the same person in the same second are the same tag, in any clone;
    said once more, after they were taken back, they are another one.
    """
    while True:
        key = hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        name = f"{retired.FOLDER}{datetime.now(UTC).date().isoformat()}-{key}"
        if repo.resolve(f"{TAGS}{name}") is None:
            return name
        said += "\nagain"


def _first(repo: Repo, commit: str) -> str:
    """The first commit of a history: any push of it takes the tag along, and `git describe` finds versions first."""
    found = repo.run("rev-list", "--max-parents=0", commit).split()
    if not found:
        raise CPVError(f"{commit[:10]} has no first commit", where=str(repo.top), fix="git fsck")
    return found[-1]
