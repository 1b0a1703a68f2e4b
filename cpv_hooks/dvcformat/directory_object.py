"""Directory objects of DVC's cache: the content of `<md5>.dir`.

The format is DVC's (`dvc_data.hashfile.tree.Tree.as_bytes`): the JSON list of ``{"md5": …, "relpath": …}``, sorted by
relpath, keys sorted, ASCII. What is read may come from a hostile repository or a broken remote, so it is checked
before anyone joins one of its paths to a folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Any

from cpv_hooks.errors import CPVError

DIR_SUFFIX = ".dir"
MAX_BYTES = 1 << 30
"""The largest directory object that is read, in bytes: about eight million files."""

REPAIR = "dvc cpv verify --all --repair && dvc cpv sync"
"""What replaces a bad object, once a good copy was found."""
# A quote inside a name is escaped, so these begin entries and stand nowhere else.
_FIRST, _NEXT = b'[{"md5": ', b', {"md5": '
_MD5 = re.compile(r"[0-9a-f]{32}")
_OID = re.compile(r"[0-9a-f]{32}(\.dir)?")
_PIECE = 4096  # entries
# DVC never looks into these (its default ignore patterns), so no honest directory object names them; and a `.git`
# folder planted in the work tree would make Git run what its configuration says.
_FOREIGN_FOLDERS = frozenset({".git", ".hg", ".dvc"})
_SUSPECT = _FOREIGN_FOLDERS | {"", ".", ".."}


def is_oid(text: str) -> bool:
    """Whether `text` is an object id: 32 lower-case hex digits, with `.dir` behind them for a directory."""
    return _OID.fullmatch(text) is not None


def is_dir_oid(oid: str) -> bool:
    """Whether an object id names a directory object."""
    return oid.endswith(DIR_SUFFIX)


def dir_object_bytes(entries: Iterable[tuple[str, str]]) -> bytes:
    """The bytes of the directory object that lists `(relpath, oid)` pairs, exactly as DVC writes them."""
    rows = sorted(entries)
    return b"".join(dir_object_pieces((relpath for relpath, _ in rows), (oid for _, oid in rows)))


def dir_object_pieces(relpaths: Iterable[str], oids: Iterable[str]) -> Iterator[bytes]:
    """The same in pieces, of paths that are sorted."""
    # What `json.dumps` makes of a list of dictionaries, without the dictionaries and their loop.
    rows, before = map('", "relpath": '.join, zip(oids, map(quoted, relpaths), strict=True)), '[{"md5": "'
    while piece := '}, {"md5": "'.join(islice(rows, _PIECE)):
        yield (before + piece).encode("ascii")
        before = '}, {"md5": "'
    yield b"[]" if before.startswith("[") else b"}]"


def dir_oid(data: bytes) -> str:
    """The object id of a directory object with these bytes."""
    import hashlib  # slow to load, and few hooks hash a listing

    return hashlib.md5(data, usedforsecurity=False).hexdigest() + DIR_SUFFIX


def has_dir_hash(data: bytes, oid: str, *, legacy: bool = False) -> bool:
    """Whether a directory object's bytes have its hash; DVC 2 hashed them as it did every text."""
    if dir_oid(data) == oid or not legacy:
        return dir_oid(data) == oid
    from cpv_hooks.dvcformat.file_hash import with_unix_line_ends

    return dir_oid(with_unix_line_ends(data)) == oid


def read_dir_object(path: Path, oid: str | None = None, *, legacy: bool = False) -> list[tuple[str, str]]:
    """Read a directory object: `(relpath, oid)` pairs in the order of the file.

    With `oid` the bytes must have that hash, by the rule of DVC 2 for a `legacy` one.
    Raises `CPVError` naming the object where it is not what DVC writes or names a path outside the directory,
    `FileNotFoundError` where there is no such file.
    """
    name = oid or path.parent.name + path.name
    if path.stat().st_size > MAX_BYTES:
        raise _error(name, path, f"larger than {MAX_BYTES} bytes")
    data = path.read_bytes()
    if oid is not None and not has_dir_hash(data, oid, legacy=legacy):
        # What is there stays until a good copy is.
        raise _error(name, path, "its content does not have that hash", fix=REPAIR)
    return parse_dir_object(data, name, path)


def parse_dir_object(data: bytes, name: str, path: Path | None = None) -> list[tuple[str, str]]:
    """Check the bytes of a directory object and return its `(relpath, oid)` pairs; see `read_dir_object`."""
    try:
        listed = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _error(name, path, "not JSON") from error
    if not isinstance(listed, list):
        raise _error(name, path, "not a list of files")
    entries = _plain(listed) or [_entry(item, name, path) for item in listed]
    _check_distinct(entries, name, path)
    return entries


def entries_since(data: bytes, base: bytes, name: str) -> list[tuple[str, str]]:
    """The `(relpath, oid)` pairs of a directory object that an older one has not, both with the hash of their names.

    Only those are parsed: of a hundred thousand files mostly one or two. Raises `CPVError` like `read_dir_object`.
    """
    if not (data.startswith(_FIRST) and base.startswith(_FIRST) and data.endswith(b"}]") and base.endswith(b"}]")):
        return parse_dir_object(data, name)
    known = set(base[len(_FIRST) : -1].split(_NEXT))
    new = [entry for entry in data[len(_FIRST) : -1].split(_NEXT) if entry not in known]
    return parse_dir_object(_FIRST + _NEXT.join(new) + b"]", name) if new else []


def _plain(listed: list[Any]) -> list[tuple[str, str]]:
    """The entries where all of them at once are seen to be harmless, ten times sooner than one by one; else nothing."""
    try:
        names = [item["relpath"] for item in listed]
        oids = [item["md5"] for item in listed]
        text = "/".join(names).lower()
        sound = all(map(_MD5.fullmatch, oids)) and "\0" not in text
    except (TypeError, KeyError):
        return []
    return list(zip(names, oids, strict=True)) if sound and _SUSPECT.isdisjoint(text.split("/")) else []


def _entry(item: object, name: str, path: Path | None) -> tuple[str, str]:
    relpath = item.get("relpath") if isinstance(item, dict) else None
    oid = item.get("md5") if isinstance(item, dict) else None
    if not isinstance(relpath, str) or not isinstance(oid, str):
        raise _error(name, path, "an entry without md5 and relpath")
    if not _MD5.fullmatch(oid):
        raise _error(name, path, f"{oid[:80]!r} is not an md5")
    if not _is_inside(relpath):
        raise _error(name, path, f"{relpath[:200]!r} is not a path inside the directory")
    return relpath, oid


def _is_inside(relpath: str) -> bool:
    parts = relpath.split("/")
    if "\0" in relpath or any(part in ("", ".", "..") for part in parts):
        return False
    folders = [part.lower() for part in parts[:-1]]
    return parts[-1].lower() != ".git" and _FOREIGN_FOLDERS.isdisjoint(folders)


def _check_distinct(entries: list[tuple[str, str]], name: str, path: Path | None) -> None:
    """Refuse a path that is listed twice, or both as a file and as a folder."""
    files = {relpath for relpath, _ in entries}
    if len(files) != len(entries):
        raise _error(name, path, "a path that is listed twice")
    folders: set[str] = set()
    for relpath in files:
        folder = relpath.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    clash = next(iter(files & folders), None)
    if clash is not None:
        raise _error(name, path, f"{clash[:200]!r} is both a file and a folder")


def _error(name: str, path: Path | None, what: str, fix: str = "ask whoever made it to push it again") -> CPVError:
    shown = f" ({path})" if path else ""
    return CPVError(f"directory object {name} is not usable: {what}{shown}", fix=fix)
