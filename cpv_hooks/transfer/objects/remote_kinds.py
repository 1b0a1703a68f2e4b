"""The kinds of remote: in `KINDS` one row for each scheme of a URL. What a method needs it imports when called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks.dvcformat.remote_url import PROVIDER_HOSTS, url_scheme
from cpv_hooks.project.project import Project

if TYPE_CHECKING:
    from cpv_hooks.remote.common.inventory import Inventory
    from cpv_hooks.remote.common.notes import Notes
    from cpv_hooks.remote.common.protocol import Remote


class RemoteKind:
    """Every remote of DVC's that has no class below; `host` is where it is, where its URLs name none."""

    needs_bucket = keeps_versions = False

    def __init__(self, host: str | None = None) -> None:
        self._host = host

    def open(self, project: Project, options: Mapping[str, str], *, legacy: bool) -> Remote:
        """A DVC root's remote with DVC's options for it; with `legacy`, its store of objects that DVC 2 named."""
        from cpv_hooks.remote.common.dvc_remote import DVCRemote

        return DVCRemote(project.root, project.remote_name or "", project.remote_url or "", legacy=legacy)

    def inventory(self, remote: Any) -> Inventory | None:
        """What `prune` and `verify` ask such a remote."""
        from cpv_hooks.remote.common.dvc_inventory import DVCInventory

        return DVCInventory(remote)

    def notes(self, remote: Any, folder: str) -> Notes | None:
        """The notes in a folder below the remote's own address."""
        return None

    def endpoint(self, project: Project) -> str:
        """The URL of the host that has to answer."""
        return f"https://{self._host}" if self._host else project.remote_url or ""


class _Folder(RemoteKind):
    def open(self, project: Project, options: Mapping[str, str], *, legacy: bool) -> Remote:
        from cpv_hooks.remote.common.local_remote import LocalRemote

        return LocalRemote(remote_folder(project.remote_url or ""), legacy=legacy)

    def inventory(self, remote: Any) -> Inventory:
        from cpv_hooks.remote.common.local_remote import LocalInventory

        return LocalInventory(remote)

    def notes(self, remote: Any, folder: str) -> Notes:
        from cpv_hooks.remote.common.notes import NOTES, FolderNotes

        return FolderNotes(remote.top / NOTES / folder)


class _S3(RemoteKind):
    needs_bucket = keeps_versions = True

    def open(self, project: Project, options: Mapping[str, str], *, legacy: bool) -> Remote:
        if project.remote_versioned:
            from cpv_hooks.remote.s3.versioned_remote import VersionedRemote

            return VersionedRemote.of(project, options, legacy=legacy)
        from cpv_hooks.remote.s3.s3_remote import S3Remote

        return S3Remote.of(project, options, legacy=legacy)

    def inventory(self, remote: Any) -> Inventory | None:
        from cpv_hooks.remote.s3.s3_inventory import S3Inventory
        from cpv_hooks.remote.s3.s3_remote import S3Remote

        if not isinstance(remote, S3Remote):
            return super().inventory(remote)
        # Not its subclasses: a remote that keeps versions names its objects in another way.
        return S3Inventory(remote) if type(remote) is S3Remote else None

    def notes(self, remote: Any, folder: str) -> Notes:
        from cpv_hooks.remote.common.notes import NOTES
        from cpv_hooks.remote.s3.s3_notes import S3Notes

        return S3Notes(remote.options, f"{NOTES}/{folder}")

    def endpoint(self, project: Project) -> str:
        """Where boto3 would send its requests; what is wrong with the settings is told by those who send some."""
        from cpv_hooks.remote.s3_client.boto_client import new_client
        from cpv_hooks.remote.s3_client.s3_options import S3Options

        options = project.remote_options
        try:
            client = new_client(S3Options.of(project.remote_name or "", project.remote_url or "", options))
            return str(client.meta.endpoint_url)
        except Exception:  # noqa: BLE001 - boto3's errors have no common class
            return options.get("endpointurl") or os.environ.get("AWS_ENDPOINT_URL") or "https://s3.amazonaws.com"


FOLDER = _Folder()
KINDS = {
    "": FOLDER,
    "file": FOLDER,
    "s3": _S3(),
    **{scheme: RemoteKind(host) for scheme, host in PROVIDER_HOSTS.items() if scheme != "s3"},
}


def remote_folder(url: str) -> Path:
    """Where the objects of a remote lie that is a folder."""
    return Path(url.removeprefix("file://"))


def kind_of(url: str) -> RemoteKind:
    """The kind of a remote with this URL."""
    return KINDS.get(url_scheme(url), RemoteKind())
