"""What the models of versions are: read from DVC's cache, or by ranges from the remote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypedDict

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.pointer import Named, Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.history.where import Where
from cpv_hooks.model_formats.record import Model
from cpv_hooks.project import plugins, retired
from cpv_hooks.project.config import Kind
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.protocol import MissingObject
from cpv_hooks.system.byte_source import ByteSource, FileSource, LazySource
from cpv_hooks.transfer.objects.store import Store, Stores

READ_KINDS: frozenset[Kind] = frozenset(("model", "extra"))
"""The kinds of artifacts that are looked into."""


class TensorEntry(TypedDict):
    """A tensor of a model."""

    name: str
    shape: list[int]
    dtype: str
    """As safetensors names types (`F32`, `BF16`); a format's own types as that names them (`Q4_K`)."""
    nbytes: int | None
    """Its bytes in the file; null where the format does not say it."""
    file: str | None
    """The file of a folder that it is in; null where the model is one file."""


class ModelSummary(TypedDict):
    """What a model artifact says of itself, in short."""

    path: str
    """The artifact's, relative to the top of the repository."""
    format: str | None
    """null where it cannot be read at all."""
    parameters: int | None
    """The elements of all tensors together; null where there are none, as in trees."""
    ntensors: int
    dtypes: dict[str, int]
    """The elements of each type."""


class ModelEntry(ModelSummary):
    """What a model artifact says of itself."""

    tensors: list[TensorEntry]
    metadata: dict[str, object]
    """What the file says of itself, in short texts and numbers."""
    verdict: str | None
    """A scanner's on its pickles; null where it has none, or no scanner is installed."""
    notes: list[str]
    errors: list[str]
    """What could not be read of it."""


class Models:
    """Reads the models of artifacts; each content once."""

    def __init__(self, projects: Sequence[Project], *, ask_remote: bool = True) -> None:
        """With `ask_remote`, what the cache lacks is read from the remote by ranges; else it is passed over."""
        self._where = Where(projects)
        self._ask_remote = ask_remote
        self._stores: dict[Path, Stores] = {}
        self._known: dict[tuple[str, Named], Model | None] = {}
        self._short: dict[tuple[str, Named], ModelSummary | None] = {}
        self._errors: list[str] = []

    def entries(self, artifacts: Sequence[tuple[Kind, Pointer]]) -> list[ModelEntry]:
        """What those of these artifacts say of themselves that are models of a format that is known."""
        wanted = [pointer for kind, pointer in artifacts if kind in READ_KINDS]
        return [model_entry(pointer.path, found) for pointer in wanted if (found := self.read(pointer)) is not None]

    def summaries(self, artifacts: Sequence[tuple[Kind, Pointer]]) -> list[ModelSummary]:
        """The same in short. Only that is kept: of thousands of versions the tensors would fill the memory."""
        found = (self._summary(pointer) for kind, pointer in artifacts if kind in READ_KINDS)
        return [summary for summary in found if summary is not None]

    def _summary(self, pointer: Pointer) -> ModelSummary | None:
        key = (pointer.path, pointer.named)
        if key not in self._short:
            found = self._noted(pointer) if pointer.oid else None
            self._short[key] = summary_of(pointer.path, found) if found else None
        return self._short[key]

    def read(self, pointer: Pointer) -> Model | None:
        """What an artifact says of itself; None where it is of no known format, or neither the cache nor the remote
        has it. What cannot be read is in `errors`.
        """
        if pointer.oid is None:
            return None
        key = (pointer.path, pointer.named)
        if key not in self._known:
            self._known[key] = self._noted(pointer)
        return self._known[key]

    def new_errors(self, version: str) -> list[str]:
        """What could not be read since this was last asked, in a line for each that names the version."""
        found, self._errors = [f"{version}: {error}" for error in self._errors], []
        return found

    def is_here(self, pointer: Pointer) -> bool:
        return self._where.cached([pointer])

    def _noted(self, pointer: Pointer) -> Model | None:
        found = self._read(pointer)
        self._errors += [f"{pointer.path}: {error}" for error in (found.errors if found else ())]
        return found

    def _read(self, pointer: Pointer) -> Model | None:
        try:
            name = PurePosixPath(pointer.path).name
            files = self._files(pointer)
            if files is None:
                return None
            sources = {path: LazySource(opening) for path, opening in files.items()}
            return plugins.model(name, sources, is_folder=pointer.isdir)
        except MissingObject:
            return None
        except (CPVError, OSError) as error:
            return Model("", errors=(str(error),))

    def _files(self, pointer: Pointer) -> dict[str, Callable[[], ByteSource]] | None:
        """The files of an artifact, to be opened; None where the cache lacks some and the remote is not asked, and
        where they went with a retired version.
        """
        assert pointer.oid is not None
        project = self._where.project(pointer)
        store = self.stores(project).of(pointer)
        if not self._ask_remote and not self._where.cached([pointer]):
            return None
        if not pointer.isdir:
            return {PurePosixPath(pointer.path).name: partial(_opened, store, pointer.oid)}
        if pointer.stored:
            return {item.relpath: partial(_opened, store, item.oid) for item in pointer.stored}
        with Progress("reading lists of files") as progress:
            listing = store.listing(pointer.oid, progress)
        if listing is None and retired.retirement_of(project.repo, [pointer]):
            return None
        if listing is None:
            what = "neither the cache nor the remote has the list of its files"
            raise CPVError(what, where=pointer.path, fix="dvc cpv verify --all")
        return {path: partial(_opened, store, oid) for path, oid in listing}

    def stores(self, project: Project) -> Stores:
        """The stores of a DVC root."""
        return self._stores.setdefault(project.root, Stores(project))


def _opened(store: Store, oid: str) -> ByteSource:
    """An object: of the cache, else ranges of the remote's."""
    blob = store.blob(oid)
    if blob is not None:
        return FileSource(blob.path)
    if not store.has_remote:
        raise MissingObject(
            f"object {oid} is not in the cache, and there is no remote", fix="dvc remote add -d storage URL"
        )
    return store.remote.open_ranges(oid)


def summary_of(path: str, model: Model) -> ModelSummary:
    """A record in short, as JSON has it."""
    dtypes: dict[str, int] = {}
    for tensor in model.tensors:
        dtypes[tensor.dtype] = dtypes.get(tensor.dtype, 0) + tensor.elements
    return ModelSummary(
        path=path,
        format=model.format or None,
        parameters=model.parameters,
        ntensors=len(model.tensors),
        dtypes=dtypes,
    )


def model_entry(path: str, model: Model) -> ModelEntry:
    """A record as JSON has it."""
    return ModelEntry(
        **summary_of(path, model),
        tensors=[
            TensorEntry(
                name=tensor.name,
                shape=list(tensor.shape),
                dtype=tensor.dtype,
                nbytes=tensor.nbytes,
                file=tensor.file or None,
            )
            for tensor in model.tensors
        ],
        metadata=values_for_json(model.metadata),
        verdict=model.verdict,
        notes=list(model.notes),
        errors=list(model.errors),
    )


def values_for_json(metadata: Mapping[str, object]) -> dict[str, object]:
    """Values that JSON has no number for become texts (`nan`)."""
    return {
        key: str(value) if isinstance(value, float) and value - value != 0 else value for key, value in metadata.items()
    }
