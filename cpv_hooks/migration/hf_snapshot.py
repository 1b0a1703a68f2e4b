"""`migrate hf`: a snapshot of a Hugging Face repository becomes one version, with real files in the place of links.

The cache's layout, `models--ORG--NAME/{blobs,refs,snapshots}`: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.migration.incoming import Incoming, last_written, source_size
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.copying_ahead import CHUNK
from cpv_hooks.system.hard_links import link_or_copy

_REPOSITORY = re.compile(r"(?:models|datasets|spaces)--(.+)")
_OWN = Path(".cache/huggingface")
"""What a download with `local_dir` notes beside the files."""
_SHA256, _GIT = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


class HubSnapshot(NamedTuple):
    """A folder with a revision's files; `repository` is `ORG/NAME`, both as far as they are known."""

    folder: Path
    repository: str | None
    revision: str | None


def find_snapshot(place: Path, revision: str | None) -> HubSnapshot:
    """The snapshot in a cache's folder (by a revision or a ref, `main` by default), or a plain folder itself.

    Raises `CPVError` where there is none.
    """
    if not place.is_dir():
        raise CPVError("is not a folder", where=str(place), fix="name a snapshot, or models--ORG--NAME of the cache")
    if (place / "snapshots").is_dir():
        return _in_cache(place, revision or "main")
    if place.parent.name == "snapshots":
        return HubSnapshot(place, _repository(place.parents[1]), place.name)
    return HubSnapshot(place, None, _noted_revision(place))


def _in_cache(place: Path, revision: str) -> HubSnapshot:
    known = sorted(path.name for path in (place / "snapshots").iterdir() if path.is_dir())
    ref = place / "refs" / revision
    is_ref = os.path.normpath(revision) == revision and ".." not in Path(revision).parts and ref.is_file()
    wanted = ref.read_text().strip() if is_ref else revision
    found = [name for name in known if name == wanted] or [name for name in known if name.startswith(wanted)]
    if len(found) != 1 and revision == "main" and len(known) == 1:
        found = known
    if len(found) != 1:
        what = f"has no snapshot {revision!r} (there are {', '.join(known) or 'none'})"
        raise CPVError(what, where=str(place), fix="name one: --revision REVISION")
    return HubSnapshot(place / "snapshots" / found[0], _repository(place), found[0])


def _repository(place: Path) -> str | None:
    found = _REPOSITORY.fullmatch(place.name)
    return found[1].replace("--", "/") if found else None


def _noted_revision(folder: Path) -> str | None:
    """The commit that a download with `local_dir` notes in the first line of `FILE.metadata`."""
    notes = sorted((folder / _OWN / "download").rglob("*.metadata"))
    lines = {(path.read_text().splitlines() or [""])[0] for path in notes}
    return lines.pop() if len(lines) == 1 else None


def lay_out(snapshot: HubSnapshot, scratch: Path) -> Incoming:
    """The snapshot as a version to come, its files linked or copied into a new folder of `scratch`.

    A file whose hash the Hub noted is verified. Raises `CPVError` for a link that leads nowhere or out of the
    repository, and for a file that is not what was noted.
    """
    target = scratch / "files"
    target.mkdir()
    files = dict(_files(snapshot.folder))
    if not files:
        raise CPVError("has no files", where=str(snapshot.folder), fix="name a snapshot")
    with Progress("checking files", sum(path.stat().st_size for path in files.values())) as progress:
        for name, path in files.items():
            _verify(snapshot.folder, name, path, progress)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(path, target / name)
    name = snapshot.repository or snapshot.folder.name
    revision = snapshot.revision or "no revision known"
    return Incoming(
        f"{name}@{snapshot.revision}" if snapshot.revision else name,
        target,
        revision[:12],
        last_written(target),
        source_size(target),
        notes=(f"Hugging Face {name}, revision {revision}",),
    )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each file's name in the snapshot, and where its bytes are."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.is_relative_to(_OWN) or name.parts[0] == ".git" or (path.is_dir() and not path.is_symlink()):
            continue
        real = Path(os.path.realpath(path))
        if not real.is_file():
            repository = _repository(folder.parents[1]) if len(folder.parents) > 1 else None
            fix = f"hf download {shell_word(repository)}" if repository else "download it again"
            what = "is a link that leads nowhere" if path.is_symlink() else "is no file"
            raise CPVError(what, where=str(path), fix=fix)
        if path.is_symlink() and not _is_of(folder, real):
            raise CPVError(f"leads out of the repository, to {real}", where=str(path), fix="copy the file there")
        yield name.as_posix(), real


def _is_of(folder: Path, real: Path) -> bool:
    """Whether a link leads to a blob of the cache, or into the folder itself."""
    is_blob = real.parent.name == "blobs" and _REPOSITORY.fullmatch(real.parents[1].name) is not None
    return is_blob or real.is_relative_to(os.path.realpath(folder))


def _verify(folder: Path, name: str, path: Path, progress: Progress) -> None:
    noted = path.name if path.parent.name == "blobs" else _noted_hash(folder, name)
    if noted is None or not (_SHA256.fullmatch(noted) or _GIT.fullmatch(noted)):
        progress.advance(path.stat().st_size)
        return
    # The Hub names what it keeps in Git LFS by its SHA-256, the rest by Git's hash of a blob.
    digest = hashlib.sha256() if len(noted) == 64 else _git_blob(path)
    with open(path, "rb", buffering=0) as reader:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            progress.advance(len(chunk))
    if digest.hexdigest() != noted:
        raise CPVError("is not what the Hub has (its hash differs)", where=str(path), fix="download it again")


def _git_blob(path: Path) -> hashlib._Hash:
    return hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)


def _noted_hash(folder: Path, name: str) -> str | None:
    """The second line of what a download with `local_dir` notes of a file; one that was changed since has none."""
    note = folder / _OWN / "download" / f"{name}.metadata"
    if not note.is_file():
        return None
    lines = note.read_text().splitlines()
    changed = (folder / name).stat().st_mtime > note.stat().st_mtime + 1
    return lines[1] if len(lines) > 1 and not changed else None
