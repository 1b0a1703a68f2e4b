"""What a repository needs, where it is, and what of it a new remote lacks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from cpv_hooks.accounts.aws.objects_to_move import MoveNeed, objects_needed
from cpv_hooks.accounts.aws.source import MoveSource
from cpv_hooks.console.output import size_text
from cpv_hooks.console.plan import Effect
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.remote.s3.s3_remote import S3Remote
from cpv_hooks.transfer.objects.upload_queue import Queue

OpenTarget = Callable[[bool], S3Remote]
"""Opens the new remote, in DVC 2's layout where it is told True."""


class SurveyPart(NamedTuple):
    """One layout's share: `send` are the objects to copy (in order), with their sizes in bytes where known."""

    source: MoveSource
    target: S3Remote
    send: dict[str, int | None]
    present: dict[str, int | None]
    lost: tuple[MoveNeed, ...]


@dataclass(frozen=True)
class Survey:
    """What is where. `lost` names what neither the cache nor the old remote has, `unreadable` broken commits."""

    parts: tuple[SurveyPart, ...] = ()
    unreadable: tuple[CPVError, ...] = ()
    commits: tuple[str, ...] = ()

    @property
    def lost(self) -> list[str]:
        """A line for each thing that cannot be moved."""
        lines = [str(need) for part in self.parts for need in part.lost]
        return lines + [f"{error.where}: {error.what}" for error in self.unreadable]

    @property
    def count(self) -> int:
        """How many objects there are to send."""
        return sum(len(part.send) for part in self.parts)

    @property
    def bytes(self) -> int:
        """How many bytes there are to send, as far as it is known."""
        return sum(size or 0 for part in self.parts for size in part.send.values())

    def effects(self) -> Iterator[Effect]:
        """Each object that a move would write."""
        for part in self.parts:
            for oid, size in part.send.items():
                known = f" ({size_text(size)})" if size is not None else ""
                yield Effect("s3", f"put {part.target.address(oid)}{known}")


def survey_remotes(project: Project, target: OpenTarget, folder: Path, damaged: Collection[str] = ()) -> Survey:
    """Look at all that the repository needs, and at both remotes; changes nothing.

    `folder` takes temporary files. `damaged` objects count as if nobody had them.
    """
    pending = tuple(item.commit for item in Queue.of(project.repo).pending(root_key(project)))
    # The same name with another address: what names it explicitly moves as well.
    needs = objects_needed(
        project, moving=project.remote_name if target(False).options.name == project.remote_name else None
    )
    layouts = ((False, needs.objects), (True, needs.legacy))
    parts: list[SurveyPart] = []
    for legacy, wanted in layouts:
        if wanted:
            parts.append(_part(MoveSource(project, folder, legacy=legacy), target(legacy), wanted, damaged))
    return Survey(tuple(parts), tuple(needs.unreadable), pending)


def _part(source: MoveSource, target: S3Remote, wanted: dict[str, MoveNeed], damaged: Collection[str]) -> SurveyPart:
    everything = _with_files(source, wanted)
    have = {oid: size for oid, size in source.sizes(everything).items() if oid not in damaged}
    sizes = {oid: have.get(oid) or need.size for oid, need in everything.items()}
    absent = target.missing(everything, {oid: size for oid, size in sizes.items() if size is not None})
    nowhere = {oid for oid in absent if oid not in have}
    send = [oid for oid in everything if oid in absent and _is_whole(source, oid, nowhere)]
    ordered = sorted(send, key=is_dir_oid)  # files first: a directory object promises them
    return SurveyPart(
        source,
        target,
        {oid: sizes[oid] for oid in ordered},
        {oid: sizes[oid] for oid in everything if oid not in absent},
        tuple(need for oid, need in everything.items() if oid in absent and oid not in send and not need.optional),
    )


def _with_files(source: MoveSource, wanted: dict[str, MoveNeed]) -> dict[str, MoveNeed]:
    """The objects, and the files that directory objects list."""
    found = dict(wanted)
    for oid, need in wanted.items():
        if is_dir_oid(oid):
            for relpath, file in source.listing(oid) or ():
                inside = MoveNeed(file, f"{need.path}/{relpath}", need.at, optional=need.optional)
                if file not in found or (found[file].optional and not need.optional):
                    found[file] = inside
    return found


def _is_whole(source: MoveSource, oid: str, nowhere: set[str]) -> bool:
    """Whether an object can be sent; a directory object only with all of its files."""
    if oid in nowhere or not is_dir_oid(oid):
        return oid not in nowhere
    listing = source.listing(oid)
    return listing is not None and not any(file in nowhere for _, file in listing)
