"""The remote that a DVC root has, whatever kind it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cpv_hooks.errors import CPVError, shell_path, shell_word
from cpv_hooks.project import trust
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.local_remote import LocalRemote
from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.transfer.objects.remote_kinds import FOLDER, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cpv_hooks.git.repo import Repo
    from cpv_hooks.remote.common.inventory import Inventory, Seen
    from cpv_hooks.remote.common.notes import Notes
    from cpv_hooks.remote.common.protocol import Remote

ANOTHER_SIZE = -1  # where all that a remote says is that the size is not the right one


def open_remote(project: Project, *, legacy: bool = False) -> Remote:
    """The default remote of a DVC root; with `legacy`, its store of objects that DVC 2 named.

    Raises `CPVError` where no remote is configured or it is one that names its objects in another way.
    """
    if not project.remote_name or not project.remote_url:
        raise CPVError("no DVC remote is configured", where=str(project.root), fix="dvc remote add -d storage URL")
    kind = kind_of(project.remote_url)
    if project.config.layout == "versioned" and not project.remote_versioned:
        what = f"[remote] layout is versioned, but remote {project.remote_name} is not version_aware"
        fix = f"dvc remote modify {shell_word(project.remote_name)} version_aware true"
        raise CPVError(what, where=str(project.root / ".cpv.toml"), fix=fix)
    if kind is FOLDER:
        return kind.open(project, {}, legacy=legacy)
    options = project.remote_options
    for words in _judged(project):
        trust.refuse_unconfirmed(*words)
    if project.remote_versioned and not kind.keeps_versions:
        raise CPVError(
            f"remote {project.remote_name} keeps versions, which CPV can only fill on S3",
            fix=f"dvc push, or dvc remote modify {shell_word(project.remote_name)} version_aware false",
        )
    return kind.open(project, options, legacy=legacy)


def remotes_behind(project: Project) -> list[Project]:
    """The root with its remote, and with each that this one's URL (`remote://NAME/PATH`) leads to; the last one has the
    address. Raises where it leads to itself, or nowhere."""
    chain = [project]
    while (url := chain[-1].remote_url or "").startswith("remote://"):
        following, name = url.removeprefix("remote://").split("/")[0], chain[-1].remote_name or ""
        if following not in project.remotes:
            what = f"its URL {url} names remote {following}, which is not configured"
            raise RemoteError(what, where=f"remote {name}", fix=f"dvc remote add {shell_word(following)} URL")
        if following in [one.remote_name for one in chain]:
            fix = f"dvc remote modify {shell_word(name)} url URL"
            raise RemoteError(f"its URL {url} leads back to {following}", where=f"remote {name}", fix=fix)
        chain.append(project.at(following))
    return chain


def doubtful_servers(project: Project) -> list[str]:
    """The servers of the default remote that only the clone names, and that nobody has confirmed."""
    return list(dict.fromkeys(name for words in _judged(project) for name in trust.servers_in_question(*words)))


def _judged(project: Project) -> Iterator[tuple[Repo, Path, str, str, Mapping[str, str]]]:
    """What trust is judged by: what each remote of a chain says, of the address that all of them lead to.

    A folder on this machine needs no credentials.
    """
    chain = remotes_behind(project)
    url = chain[-1].remote_url or ""
    for one in chain if kind_of(url) is not FOLDER else ():
        yield one.repo, one.root, one.remote_name or "", url, one.remote_options


def refuse_vanished(project: Project, remote: Remote) -> None:
    """Raise where a directory is gone to which something was uploaded: its disk is not mounted, and what is written
    there now would lie below it."""
    if not isinstance(remote, LocalRemote) or remote.top.exists():
        return
    from cpv_hooks.transfer.objects.upload_queue import Queue

    if Queue.of(project.repo).knows(remote.url):
        again = f"mkdir -p {shell_path(remote.top)} && dvc cpv verify --all --repair"
        fix = f"mount its disk, or, if its data is lost, {again}"
        raise RemoteError("the directory is not there any more", where=f"remote {remote.top}", fix=fix)


def inventory_of(remote: Remote) -> Inventory | None:
    """The inventory of a remote; None where it is of a kind that has none."""
    return kind_of(remote.url).inventory(remote)


def seen_on(remote: Remote, sizes: Mapping[str, int | None]) -> Mapping[str, Seen]:
    """Those objects that a remote has, of some with the bytes that they should have, where that is known.

    Where the remote has no inventory, all that it says of a wrong size is `ANOTHER_SIZE`.
    """
    from cpv_hooks.remote.common.inventory import Seen

    inventory = inventory_of(remote)
    if inventory is not None:
        return inventory.look(sizes)
    known = {oid: size for oid, size in sizes.items() if size is not None}
    lacking = remote.missing(list(sizes), known)
    doubtful = known.keys() & lacking  # all others, mostly nearly all, are asked for once
    wrong = doubtful - remote.missing(list(doubtful)) if doubtful else set[str]()
    sound = {oid: Seen(size) for oid, size in sizes.items() if oid not in lacking}
    return {**sound, **{oid: Seen(ANOTHER_SIZE) for oid in wrong}}


def notes_of(remote: Remote, folder: str) -> Notes | None:
    """The notes in a folder of a remote, which is named below the remote's own address; None where it can have none."""
    return kind_of(remote.url).notes(remote, folder)
