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
    from cpv_hooks.remote.common.inventory import Inventory
    from cpv_hooks.remote.common.notes import Notes
    from cpv_hooks.remote.common.protocol import Remote


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
    if project.remote_url.startswith("remote://"):
        _refuse_circle(project, project.remote_name, project.remote_url)
    options = project.remote_options
    trust.refuse_unconfirmed(project.repo, project.root, project.remote_name, project.remote_url, options)
    if project.remote_versioned and not kind.keeps_versions:
        raise CPVError(
            f"remote {project.remote_name} keeps versions, which CPV can fill on S3 alone",
            fix=f"dvc push, or dvc remote modify {shell_word(project.remote_name)} version_aware false",
        )
    return kind.open(project, options, legacy=legacy)


def _refuse_circle(project: Project, name: str, url: str) -> None:
    """Raise where a remote whose URL starts with another one's (`remote://NAME/PATH`) leads to itself, or nowhere."""
    seen = [name]
    while url.startswith("remote://"):
        following = url.removeprefix("remote://").split("/")[0]
        fix = f"dvc remote modify {shell_word(seen[-1])} url URL"
        if following not in project.remotes:
            what = f"its URL {url} names remote {following}, which is not configured"
            raise RemoteError(what, where=f"remote {seen[-1]}", fix=f"dvc remote add {shell_word(following)} URL")
        if following in seen:
            raise RemoteError(f"its URL {url} leads back to {following}", where=f"remote {seen[-1]}", fix=fix)
        seen.append(following)
        url = project.remotes[following].url


def refuse_vanished(project: Project, remote: Remote) -> None:
    """Raise where a directory is gone to which something was uploaded: its disk is not mounted, and what is written
    there now would lie below it."""
    if not isinstance(remote, LocalRemote) or remote.top.exists():
        return
    from cpv_hooks.transfer.objects.upload_queue import Queue

    if Queue.of(project.repo).knows(remote.url):
        again = f"mkdir -p {shell_path(remote.top)} && dvc cpv verify --all --repair"
        fix = f"mount its disk, or, where its data is lost, {again}"
        raise RemoteError("the directory is not there any more", where=f"remote {remote.top}", fix=fix)


def inventory_of(remote: Remote) -> Inventory | None:
    """The inventory of a remote; None where it is of a kind that has none."""
    return kind_of(remote.url).inventory(remote)


def notes_of(remote: Remote, folder: str) -> Notes | None:
    """The notes in a folder of a remote, which is named below the remote's own address; None where it can have none."""
    return kind_of(remote.url).notes(remote, folder)
