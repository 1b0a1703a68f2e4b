"""`export`: a model version's files, verified, in a new folder of the form that another tool takes.

The folder appears whole or not at all: it is written beside its place and renamed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cpv_hooks.console.output import counted, say, size_text
from cpv_hooks.console.plan import Effect, Plan
from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError
from cpv_hooks.operations.download.copies import staging_beside, writing_copy
from cpv_hooks.operations.download.fetch_content import DISK_THREADS, ContentSource
from cpv_hooks.operations.download.pieces import Piece
from cpv_hooks.operations.download.refuse_tracked import refuse_tracked
from cpv_hooks.operations.download.version_content import Stock, find_content, local
from cpv_hooks.operations.export import file_manifest, model_card, oci_layout
from cpv_hooks.operations.export.version_facts import ExportFacts, export_facts
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.system.atomic_files import TEMPORARY, sync_to_disk
from cpv_hooks.system.disk_space import require
from cpv_hooks.versions.version import resolve_version

Format = Literal["dir", "hf", "oci"]
FORMATS: Mapping[Format, str] = {
    "dir": "the files at their paths",
    "hf": "a Hugging Face model repository with a model card",
    "oci": "an OCI image layout as ModelPack describes it",
}


def check_format(name: str) -> Format:
    """The format of that name; `CPVError` for one that is none."""
    found = next((form for form in FORMATS if form == name), None)
    if found is None:
        raise CPVError(f"{name!r} is not a format", fix=f"name one of {', '.join(FORMATS)}")
    return found


@dataclass(frozen=True)
class ExportedVersion:
    """A version that was exported. `files` are all of its files by their path, each with its SHA-256 in hex."""

    tag: str
    """The version's tag."""
    commit: str
    """The full id of the commit that the tag names."""
    folder: Path
    """Where it is."""
    format: str
    """`dir`, `hf` or `oci`."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The SHA-256 of each file, by its path; in a dry run none."""


def plan_export(
    project: Project, tag: str | None, to: Path, form: Format = "dir", *, manifest: bool = False, use_cache: bool = True
) -> Plan[ExportedVersion]:
    """Plan to write a model version (the highest by default) to the folder `to`, which must be empty or not there.

    With `manifest` a statement of every file's SHA-256 goes with it, as `model_signing` would sign it. Raises
    `CPVError` for a tag that is not there, for files that nobody has, and for a folder that is not free.
    """
    version = resolve_version(project, Line.MODEL, tag)
    output = to.resolve()
    _refuse_taken(output)
    stock = find_content(project, version, use_cache=use_cache)
    refuse_tracked(stock, output, "--to")
    job = _Export(stock, output, form, manifest, export_facts(project, version))
    source = ContentSource(stock)
    size = sum(pointer.size or 0 for pointer in stock.pointers)
    require([(project.cache_dir, stock.lacking_bytes), (output, size)])

    def run() -> ExportedVersion:
        source.bring(use_cache=use_cache)
        with writing_copy(output):
            return job.write(source)

    count = counted(len(stock.pieces), "file")
    writes = [Effect("file", f"write {count} ({size_text(size)}) to {output} as {FORMATS[form]}")]
    writes += [Effect("file", f"write {output / name}") for name in job.own_files if form != "oci"]
    expected = ExportedVersion(version.name, version.commit, output, form)
    return Plan((*source.effects(), *writes), expected, run)


def _refuse_taken(output: Path) -> None:
    fix = "name another --to"
    if output.is_dir():
        if any(output.iterdir()):
            raise CPVError("is not empty", where=str(output), fix=fix)
        return
    taken = next((place for place in (output, *output.parents) if os.path.lexists(place)), None)
    if taken is not None and not taken.is_dir():
        raise CPVError("there is a file where a folder should be", where=str(taken), fix=fix)


class _Export:
    def __init__(self, stock: Stock, output: Path, form: Format, manifest: bool, facts: ExportFacts) -> None:
        self._stock = stock
        self._output = output
        self._form: Format = form
        self._manifest = manifest
        self._facts = facts
        self._places = _places(stock, form)
        if not self._places:
            raise CPVError(f"{facts.tag} has no files", where=str(stock.project.root), fix="name another version")

    @property
    def own_files(self) -> list[str]:
        """The names of what is written beside the version's files."""
        taken = set(self._places.values())
        card = [model_card.NAME] if self._form != "dir" and model_card.NAME not in taken else []
        names = [*card, *([file_manifest.NAME] if self._manifest else [])]
        if file_manifest.NAME in taken and self._manifest:
            what = f"has a file {file_manifest.NAME} of its own"
            raise CPVError(what, where=self._facts.tag, fix="leave --manifest out")
        return names

    def write(self, source: ContentSource) -> ExportedVersion:
        _refuse_taken(self._output)
        staging = staging_beside(self._output)
        shutil.rmtree(staging, ignore_errors=True)
        try:
            is_oci = self._form == "oci"
            content = staging / TEMPORARY if is_oci else staging
            content.mkdir(parents=True)
            files = self._copy(source, content)
            files |= self._write_own(content, files)
            if is_oci:
                oci_layout.write(staging, content, self._facts, self._layers(files))
                shutil.rmtree(content)
            sync_to_disk(staging)
            os.rename(staging, self._output)  # an empty folder is replaced
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        facts = self._facts
        return ExportedVersion(facts.tag, facts.commit, self._output, self._form, dict(sorted(files.items())))

    def _copy(self, source: ContentSource, staging: Path) -> dict[str, str]:
        from cpv_hooks.system.threads import each

        files: dict[str, str] = {}

        def put(piece: Piece) -> None:
            place = self._places[piece]
            target = staging / place
            target.parent.mkdir(parents=True, exist_ok=True)
            files[place] = source.copy(piece, target, progress, hashlib.sha256)

        with Progress(f"exporting {self._facts.tag}", sum(p.size or 0 for p in self._stock.pointers)) as progress:
            each(put, list(self._places), DISK_THREADS)
        for pointer in self._stock.pointers:
            if pointer.isdir and not pointer.nfiles:
                (staging / local(self._stock.project, pointer)).mkdir(parents=True, exist_ok=True)
        return files

    def _write_own(self, staging: Path, files: Mapping[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        own = self.own_files
        if model_card.NAME in own:
            text = model_card.card_text(self._facts, {place: (staging / place).stat().st_size for place in files})
            found[model_card.NAME] = _written(staging / model_card.NAME, text)
        elif self._form != "dir":
            say(f"{model_card.NAME} is the version's own, so no model card was written")
        if file_manifest.NAME in own:
            text = file_manifest.manifest_text(self._facts.name, {**files, **found})
            found[file_manifest.NAME] = _written(staging / file_manifest.NAME, text)
        return found

    def _layers(self, files: Mapping[str, str]) -> list[oci_layout.Layer]:
        kinds = {self._places[p]: self._stock.project.kind_of(p.pointer.path) for p in self._places}
        return [oci_layout.Layer(place, sha256, kinds.get(place)) for place, sha256 in sorted(files.items())]


def _written(path: Path, text: str) -> str:
    data = text.encode()
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _places(stock: Stock, form: Format) -> dict[Piece, str]:
    """Where each file goes. A Hugging Face repository has the files of a model's folder at its top."""
    places = {piece: stock.place(piece) for piece in stock.pieces}
    models = [pointer for pointer in stock.pointers if stock.project.kind_of(pointer.path) == "model"]
    if form == "hf" and len(models) == 1 and models[0].isdir:
        moved = {
            piece: piece.inner or place if piece.pointer is models[0] else place for piece, place in places.items()
        }
        own = {place.partition("/")[0] for piece, place in moved.items() if piece.pointer is models[0]}
        others = {place.partition("/")[0] for piece, place in moved.items() if piece.pointer is not models[0]}
        if not own & others:
            return moved
    return places
