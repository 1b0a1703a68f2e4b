"""Remotes: where DVC keeps objects away from this machine.

The layout is DVC 3's: `<url>/files/md5/<first two digits>/<the rest>`, a directory object's name with its `.dir`.
Objects that DVC 2 named (`md5-dos2unix`) lie in `<url>/<first two digits>/<the rest>`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError

if TYPE_CHECKING:
    from cpv_hooks.project.project import Project

DVC3_LAYOUT = "files/md5"
UNFINISHED = "uploads"
"""The folder beside the queue with notes of the uploads to go on with."""
MEMORY = "s3.json"
"""The file beside the queue with how S3 is asked, learned from boto3."""
NO_SIZES: Mapping[str, int] = {}


@dataclass(frozen=True)
class Blob:
    """One cache object to upload: its id, its file, its size in bytes.

    `known` says that its bytes were hashed a moment ago, so that they need not be once more as they are sent.
    """

    oid: str
    path: Path
    size: int
    known: bool = False


def ignore_blob(blob: Blob) -> None:
    """The `done` of a caller who does not count."""


class RemoteError(CPVError):
    """A remote could not do what was asked."""


class MissingObject(RemoteError):
    """The remote does not have an object."""


class CorruptObject(RemoteError):
    """The bytes of an object are not those that its name promises."""


class Remote(Protocol):
    """A store of objects. Every method raises `RemoteError`; progress counts bytes and grows by itself."""

    url: str
    """Where the objects lie, without secrets; also the key under which verified objects are recorded."""
    downloads: int
    """How many objects are best brought at a time."""

    def address(self, oid: str) -> str:
        """Where an object lies, for people: `s3://bucket/key`, a path. Asks nobody, and holds no secret."""

    def missing(self, oids: Collection[str], sizes: Mapping[str, int] = NO_SIZES) -> set[str]:
        """Which objects are not there; one with another size than in `sizes` counts as not there."""

    def upload(self, blobs: Sequence[Blob], progress: Progress, done: Callable[[Blob], None] = ignore_blob) -> None:
        """Store objects, directory objects after all files, replacing what is there.

        `done` is called, from any thread, for each object once it is stored and verified.
        """

    def download(self, oid: str, to: Path, progress: Progress) -> None:
        """Bring an object to the file `to`, one of the caller's own, which stays only if its bytes are right.

        Raises `MissingObject` or `CorruptObject`. Threads may share a remote.
        """

    def check(self) -> None:
        """Raise unless the remote can be reached and lets us in."""


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
        fix = f"dvc remote modify {project.remote_name} version_aware true"
        raise CPVError(what, where=str(project.root / ".cpv.toml"), fix=fix)
    if scheme in ("", "file"):
        from cpv_hooks.remote.common.local_remote import LocalRemote

        return LocalRemote(Path(url.removeprefix("file://")), legacy=legacy)
    options = project.remote_options
    if project.remote_versioned:
        return _open_versioned(project, scheme, options, legacy=legacy)
    if scheme == "s3":
        from cpv_hooks.remote.s3.s3_remote import S3Remote

        return S3Remote(
            url,
            options,
            name=project.remote_name,
            legacy=legacy,
            unfinished=project.repo.shared / UNFINISHED,
            partials=project.cache_dir / "cpv",
            memory=project.repo.shared / MEMORY,
        )
    from cpv_hooks.remote.common.dvc_remote import DVCRemote

    return DVCRemote(project.root, project.remote_name, url, legacy=legacy)


def _open_versioned(project: Project, scheme: str, options: Mapping[str, str], *, legacy: bool) -> Remote:
    if scheme != "s3":
        name = project.remote_name
        raise CPVError(
            f"remote {name} keeps versions, which CPV can fill on S3 alone",
            fix=f"dvc push, or dvc remote modify {name} version_aware false",
        )
    from cpv_hooks.remote.s3.versioned_remote import VersionedRemote

    return VersionedRemote(project, options, legacy=legacy)
