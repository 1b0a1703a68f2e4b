"""`migrate wandb`: the artifacts that offline runs of W&B logged become versions; no server is asked."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from cpv_hooks.console.output import printable
from cpv_hooks.dvcformat.file_hash import md5_of
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.migration.incoming import Incoming, last_written, source_size
from cpv_hooks.migration.wandb_file import WandbArtifact, WandbEntry, read_wandb_file
from cpv_hooks.system.hard_links import link_or_copy

_ENDING = ".wandb"
_MODEL = "model"
_MOST_NOTES = 100


def read_wandb(
    place: Path, scratch: Path, *, staged: Path | None = None, artifact: str | None = None
) -> list[Incoming]:
    """The versions of an artifact in a run's folder, or in all offline runs of a `wandb` folder, oldest first.

    Their files are linked or copied into folders of `scratch`. `staged` is where W&B's staged files are now. Raises
    `CPVError` where there is none, several are meant, or a file is missing, damaged or kept elsewhere.
    """
    files = _run_files(place)
    found = [one for file in files for one in read_wandb_file(file)]
    models = [one for one in found if one.kind == _MODEL] or found
    chosen = [one for one in models if artifact in (None, one.name)]
    names = list(dict.fromkeys(printable(one.name) for one in models))
    if not chosen:
        what = f"no run here logged {artifact!r}" if artifact else "no run here logged an artifact"
        raise CPVError(f"{what} (there are {', '.join(names) or 'none'})", where=str(place), fix="name another folder")
    if len({one.name for one in chosen}) > 1:
        what = f"{len(names)} artifacts are here: {', '.join(names)}"
        raise CPVError(what, where=str(place), fix=f"name one: --artifact {shell_word(chosen[0].name)}")
    unique = {(one.run, one.digest): one for one in chosen}
    return [_incoming(one, scratch / str(at), staged) for at, one in enumerate(unique.values())]


def _run_files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise CPVError("does not exist", where=str(place), fix="name wandb/offline-run-…, or wandb")
    found = sorted(place.glob(f"*{_ENDING}")) or sorted(place.glob(f"offline-run-*/*{_ENDING}"))
    if not found:
        what = "has no offline W&B run"
        raise CPVError(what, where=str(place), fix="name wandb/offline-run-…; downloaded ones: migrate checkpoints")
    return found


def _incoming(one: WandbArtifact, target: Path, staged: Path | None) -> Incoming:
    if one.manifest_file and not one.entries:
        what = f"{printable(one.name)} of run {one.run} has its list of files elsewhere, which CPV cannot read"
        raise CPVError(what, where=one.manifest_file, fix="wandb sync, then download it")
    target.mkdir()
    for entry in one.entries:
        source = _source(one, entry, staged)
        (target / entry.path).parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(source, target / entry.path)
    return Incoming(
        f"{one.run} {one.name} {one.digest[:12]}",
        target,
        f"run {one.run}",
        last_written(target),
        source_size(target),
        one.metrics,
        tuple(_notes(one)),
    )


def _source(one: WandbArtifact, entry: WandbEntry, staged: Path | None) -> Path:
    name = f"{printable(entry.path)} of {printable(one.name)} ({one.run})"
    parts = Path(entry.path).parts
    if not parts or entry.path.startswith("/") or ".." in parts or os.path.normpath(entry.path) != entry.path:
        raise CPVError("names a file outside of the artifact", where=name, fix="leave that run out")
    if entry.reference:
        what = f"is a reference to {entry.reference}, no file of the run's"
        raise CPVError(what, where=name, fix="download it, then migrate checkpoints")
    places = [Path(entry.staged), *([staged / Path(entry.staged).name] if staged is not None else [])]
    source = next((path for path in places if entry.staged and path.is_file()), None)
    if source is None:
        what = f"is not where W&B staged it, {entry.staged or 'nowhere'}"
        raise CPVError(what, where=name, fix="name the folder that has the staged files: --artifacts DIR")
    if base64.b64encode(bytes.fromhex(md5_of(source))).decode() != entry.digest:
        raise CPVError("is not what W&B noted (its MD5 differs)", where=str(source), fix="restore it")
    return source


def _notes(one: WandbArtifact) -> Iterator[str]:
    yield f"W&B artifact {one.name} of run {one.run}, project {one.project or 'none'}, digest {one.digest}"
    yield from _listed("alias", one.aliases)
    yield from _listed("config", [f"{key} = {value}" for key, value in one.config.items()])


def _listed(word: str, values: Sequence[str]) -> Iterator[str]:
    yield from (f"{word} {value}" for value in values[:_MOST_NOTES])
