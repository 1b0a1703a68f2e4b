"""What must be on which DVC remote: the one rule for uploads, checks, moves and downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project


class Expected(NamedTuple):
    """Where the data of an output belongs: `remote` names a DVC remote, None is the default one.

    One that is not `required` goes there too, where the cache has it, and has another source.
    """

    remote: str | None
    required: bool


def expected(project: Project, pointer: Pointer, revs: Sequence[str] = ()) -> Expected | None:
    """Where the data of an output belongs, and whether it must be there; None for what is kept off every remote.

    Git holds what a stage does not cache: it is looked for in these commits.
    """
    from cpv_hooks.project.pointers_at import is_in_commit

    if not pointer.is_pushed:
        return None
    is_held = pointer.stage and any(is_in_commit(project, rev, pointer.path) for rev in revs)
    return Expected(pointer.remote, pointer.needs_remote and not is_held)


def project_for(project: Project, pointer: Pointer) -> Project:
    """The project with the remote that a pointer belongs on. Raises `CPVError` where that is not configured."""
    try:
        return project.at(pointer.remote)
    except CPVError as error:
        raise CPVError(error.what, where=pointer.file, fix=error.fix) from error


def by_remote(project: Project, pointers: Iterable[Pointer]) -> Iterator[tuple[Project, list[Pointer]]]:
    """These pointers by the remote that they belong on, which the project beside them has at hand.

    Raises `CPVError` for a remote that is not configured.
    """
    for group in _groups(project, pointers):
        yield project_for(project, group[0]), group


def by_hash_rule(pointers: Iterable[Pointer]) -> Iterator[tuple[bool, list[Pointer]]]:
    """These pointers by the layout that their objects have on a remote: those of DVC 3, then those of DVC 2 (True)."""
    found: dict[bool, list[Pointer]] = {False: [], True: []}
    for pointer in pointers:
        found[pointer.legacy].append(pointer)
    return ((legacy, group) for legacy, group in found.items() if group)


def on_each(project: Project, pointers: Iterable[Pointer], do: Callable[[Project, list[Pointer]], None]) -> None:
    """Do it for each remote with the pointers that belong there. One that fails does not keep the others from it.

    Raises the first `CPVError` in the end.
    """
    failed: CPVError | None = None
    for group in _groups(project, pointers):
        try:
            do(project_for(project, group[0]), group)
        except CPVError as error:
            failed = failed or error
    if failed is not None:
        raise failed


def _groups(project: Project, pointers: Iterable[Pointer]) -> Iterable[list[Pointer]]:
    found: dict[str | None, list[Pointer]] = {}
    for pointer in pointers:
        found.setdefault(project.remote_name_of(pointer), []).append(pointer)
    return found.values()


def has_remote(project: Project, pointers: Iterable[Pointer]) -> bool:
    """Whether there is a default remote, or one of these pointers names another."""
    return project.remote_name is not None or any(pointer.remote for pointer in pointers)


def lacks_version(project: Project, pointer: Pointer) -> bool:
    """Whether it belongs on a remote that keeps versions, and does not say which of them it is."""
    known = project.remote_of(pointer)
    return known is not None and known.versioned and not pointer.names_versions_on(project.remote_name_of(pointer))
