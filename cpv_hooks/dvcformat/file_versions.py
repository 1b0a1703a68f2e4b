"""Where the files of an artifact lie on a remote that keeps versions: the `cloud:` and `files:` of a pointer.

`dvc push` writes them for a `version_aware` remote (`dvc.output.Output.dumpd`): a file's version stands beside its
md5, a directory lists its files, each with its own, in place of its md5. The directory's md5 is that of the list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid, parse_dir_object
from cpv_hooks.errors import CPVError, git_word
from cpv_hooks.named_tuple import NamedTuple

_MOST = (
    1024  # characters of a version id (https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html)
)


MANY = 200
"""From so many files on, a directory's list is read and written by `file_versions_fast`."""


class Stored(NamedTuple):
    """One file: its place in a directory artifact (empty for a file), its md5, its size in bytes, where it lies.

    `version_id` is None for a file that was never uploaded as it is now.
    """

    relpath: str
    oid: str
    size: int | None = None
    remote: str | None = None
    version_id: str | None = None
    etag: str | None = None


class FileVersions(list[Stored]):
    """In the table of a pointer file: the files of a directory, which are not YAML yet, or no longer."""


def read_cloud(out: Mapping[str, Any], oid: str) -> tuple[Stored, ...]:
    """What the pointer of a file says; nothing where it was never uploaded."""
    found = _stored("", oid, out)
    return (found,) if found.version_id else ()


def read_files(files: Iterable[object], file: str) -> tuple[Stored, ...]:
    """What the pointer of a directory lists, where it names content; `CPVError` for paths or hashes that are none."""
    if isinstance(files, FileVersions):
        _entries([{"relpath": item.relpath, "md5": item.oid} for item in files], file)
        return tuple(files)
    rows = [row for row in files if isinstance(row, dict)]
    if any("md5" not in row for row in rows):
        return ()  # a partial import: its files are known by their source alone
    listed = [{"relpath": row.get("relpath"), "md5": row.get("md5")} for row in rows]
    entries = _entries(listed, file)
    return tuple(_stored(relpath, oid, row) for (relpath, oid), row in zip(entries, rows, strict=True))


def _entries(listed: list[dict[str, Any]], file: str) -> list[tuple[str, str]]:
    """The list, checked as that of a directory object is."""
    try:
        return parse_dir_object(json.dumps(listed, default=str).encode(), "of its files")
    except CPVError as error:
        what = f"its list of files: {error.what}"
        raise CPVError(what, where=file, fix=f"git checkout -- {git_word(file)}") from error


def _stored(relpath: str, oid: str, row: Mapping[str, Any]) -> Stored:
    size = row.get("size") if isinstance(row.get("size"), int) else None
    cloud = row.get("cloud")
    remote, place = next(iter(cloud.items())) if isinstance(cloud, dict) and cloud else (None, None)
    if not isinstance(place, dict):
        return Stored(relpath, oid, size)
    version, etag = place.get("version_id"), place.get("etag")
    return Stored(relpath, oid, size, str(remote), str(version)[:_MOST] if version else None, str(etag or "") or None)


def listing_of(stored: Sequence[Stored]) -> bytes:
    """The bytes of the directory object that these files make."""
    return dir_object_bytes((item.relpath, item.oid) for item in stored)


def oid_of(stored: Sequence[Stored]) -> str:
    """The hash of the directory that these files make."""
    return dir_oid(listing_of(stored))


def write_cloud(out: Any, stored: Stored) -> None:
    """Put a file's version into its output, as DVC does."""
    out["cloud"] = {stored.remote: _place(stored)}


def write_files(out: Any, stored: Sequence[Stored]) -> None:
    """Put a directory's files into its output, as DVC does: the list stands for md5, size and number of files."""
    old, ordered = out.get("files") or [], sorted(stored, key=lambda item: item.relpath)
    rows: list[Any]
    if isinstance(old, FileVersions) or (not old and len(stored) >= MANY):
        known = {item.relpath: item for item in old}
        rows = FileVersions(_kept(item, known.get(item.relpath)) for item in ordered)
    else:
        known_rows = {row.get("relpath"): row for row in old}
        rows = [_row(item, known_rows.get(item.relpath)) for item in ordered]
    for key in ("md5", "size", "nfiles", "cloud"):
        out.pop(key, None)
    out["files"] = rows


def expand_versions(out: Any) -> None:
    """Turn `FileVersions` into the rows that YAML writes."""
    if isinstance(out.get("files"), FileVersions):
        out["files"] = [_row(item, None) for item in out["files"]]


def _kept(item: Stored, old: Stored | None) -> Stored:
    return old if old is not None and old.oid == item.oid and not item.version_id else item


def _row(item: Stored, old: Any) -> Any:
    """A file's row; what the old one says of the same content is kept, a version of other content never."""
    if old is not None and old.get("md5") == item.oid and not item.version_id:
        return old
    row: dict[str, Any] = {"relpath": item.relpath, "md5": item.oid}
    if item.size is not None:
        row["size"] = item.size
    if item.version_id:
        row["cloud"] = {item.remote: _place(item)}
    return row


def _place(item: Stored) -> dict[str, str]:
    return {"etag": item.etag or "", "version_id": item.version_id or ""}
