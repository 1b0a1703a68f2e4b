"""Which remote a DVC root has: the one place that knows every kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError, shell_path, shell_word
from cpv_hooks.project import trust
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.local_remote import LocalInventory, LocalRemote
from cpv_hooks.remote.common.protocol import RemoteError

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
    url = project.remote_url
    scheme = url.split("://", 1)[0].lower() if "://" in url else ""
    if project.config.layout == "versioned" and not project.remote_versioned:
        what = f"[remote] layout is versioned, but remote {project.remote_name} is not version_aware"
        fix = f"dvc remote modify {shell_word(project.remote_name)} version_aware true"
        raise CPVError(what, where=str(project.root / ".cpv.toml"), fix=fix)
    if scheme in ("", "file"):
        return LocalRemote(Path(url.removeprefix("file://")), legacy=legacy)
    if scheme == "remote":
        _refuse_circle(project, project.remote_name, url)
    options = project.remote_options
    trust.refuse_unconfirmed(project.repo, project.root, project.remote_name, url, options)
    if project.remote_versioned:
        return _open_versioned(project, scheme, options, legacy=legacy)
    if scheme == "s3":
        from cpv_hooks.remote.s3.s3_remote import S3Remote

        return S3Remote(
            url,
            options,
            name=project.remote_name,
            legacy=legacy,
            unfinished=project.repo.shared / state_files.UPLOADS,
            partials=project.cache_dir / "cpv",
            memory=project.repo.shared / state_files.S3,
            own_client=project.config.s3_client == "own",
        )
    from cpv_hooks.remote.common.dvc_remote import DVCRemote

    return DVCRemote(project.root, project.remote_name, url, legacy=legacy)


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


def _open_versioned(project: Project, scheme: str, options: Mapping[str, str], *, legacy: bool) -> Remote:
    if scheme != "s3":
        name = project.remote_name
        raise CPVError(
            f"remote {name} keeps versions, which CPV can fill on S3 alone",
            fix=f"dvc push, or dvc remote modify {shell_word(name)} version_aware false",
        )
    from cpv_hooks.remote.s3.versioned_remote import VersionedRemote

    return VersionedRemote(project, options, legacy=legacy)


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
    from cpv_hooks.remote.common.dvc_remote import DVCRemote
    from cpv_hooks.remote.s3.s3_remote import S3Remote

    if isinstance(remote, LocalRemote):
        return LocalInventory(remote)
    # Not its subclasses: a remote that keeps versions names its objects in another way.
    if type(remote) is S3Remote:
        from cpv_hooks.remote.s3.s3_inventory import S3Inventory

        return S3Inventory(remote)
    if isinstance(remote, DVCRemote):
        from cpv_hooks.remote.common.dvc_inventory import DVCInventory

        return DVCInventory(remote)
    return None


def notes_of(remote: Remote, folder: str) -> Notes | None:
    """The notes in a folder of a remote, which is named below the remote's own address; None where it can have none."""
    from cpv_hooks.remote.common.notes import NOTES, FolderNotes
    from cpv_hooks.remote.s3.s3_remote import S3Remote

    if isinstance(remote, LocalRemote):
        return FolderNotes(remote.top / NOTES / folder)
    if isinstance(remote, S3Remote):
        from cpv_hooks.remote.s3.s3_notes import S3Notes

        return S3Notes(remote.options, f"{NOTES}/{folder}")
    return None
