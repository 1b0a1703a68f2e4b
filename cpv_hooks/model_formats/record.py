"""The record of a model: what its files say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from math import prod

from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.byte_source import Part

MAX_TENSORS = 1_000_000
MAX_TEXT = 200
"""Characters that are kept of a text in a model's metadata."""

_NOTHING: Mapping[str, object] = {}

# Bytes of an element, by the names that safetensors gives to types; other formats' own types keep their names.
# fmt: off
WIDTHS: Mapping[str, int] = {
    "BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4, "U64": 8, "I64": 8,
    "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
    "F16": 2, "BF16": 2, "F32": 4, "F64": 8, "C64": 8, "C128": 16,
}
# fmt: on


class UnreadableModel(Exception):
    """A file is not what its format says: what is wrong with it."""


class Tensor(NamedTuple):
    """A tensor. `nbytes` is its size in the file where the format says it; `file` is the file of a folder it is in.

    `part` finds its bytes, in row-major order, where they lie in one piece; that may need further reads. `elsewhere` is
    another file of the same folder that has them, by its name there, and where in it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int | None = None
    file: str = ""
    elsewhere: tuple[str, int] | None = None
    part: Callable[[], Part] | None = None

    @property
    def elements(self) -> int:
        return prod(self.shape)


class Model(NamedTuple):
    """What a model file or folder says of itself.

    `metadata` holds short texts and numbers; `notes` say what its reader ought to know, `errors` what could not be
    read of it. `scan` asks a scanner for its verdict on the pickles, which is None where no scanner is installed.
    """

    format: str
    tensors: tuple[Tensor, ...] = ()
    metadata: Mapping[str, object] = _NOTHING
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    scan: Callable[[], str | None] | None = None

    @property
    def verdict(self) -> str | None:
        """See the class; a scan takes as long as the reading."""
        return self.scan() if self.scan else None

    @property
    def parameters(self) -> int | None:
        """The elements of all tensors together; None for a model that has none, such as trees."""
        return sum(tensor.elements for tensor in self.tensors) if self.tensors else None

    def by_key(self) -> dict[str, Tensor]:
        """The tensors by name; where two files have one of the same name, with the file before it."""
        names: dict[str, int] = {}
        for tensor in self.tensors:
            names[tensor.name] = names.get(tensor.name, 0) + 1
        return {_key(tensor, shared=names[tensor.name] > 1): tensor for tensor in self.tensors}

    def within(self, file: str) -> Model:
        """The same as a part of a folder."""
        return self._replace(
            tensors=tuple(tensor._replace(file=file) for tensor in self.tensors),
            notes=tuple(f"{file}: {note}" for note in self.notes),
            errors=tuple(f"{file}: {error}" for error in self.errors),
            scan=partial(_of_file, file, self.scan) if self.scan else None,
        )


def _of_file(file: str, scan: Callable[[], str | None]) -> str | None:
    said = scan()
    return f"{file}: {said}" if said else None


def verdicts(scans: Sequence[Callable[[], str | None]]) -> str | None:
    """The verdicts on several files."""
    return "; ".join(said for scan in scans if (said := scan())) or None


def _key(tensor: Tensor, *, shared: bool) -> str:
    return f"{tensor.file}:{tensor.name}" if shared and tensor.file else tensor.name


def short(value: object) -> object:
    """A value of a model's metadata, bounded: a number as it is, a text cut, of anything else its size."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}…"
    if isinstance(value, list | tuple):
        flat = all(isinstance(item, str | int | float) for item in value)
        text = ", ".join(map(str, value[:9])) if flat and len(value) < 9 else ""
        return text if text and len(text) <= MAX_TEXT else f"{len(value)} values"
    return f"{len(value)} values" if isinstance(value, Mapping) else str(type(value).__name__)


def checked_tensor(name: str, shape: Iterable[int], dtype: str) -> Tensor:
    """A tensor, with its bytes where its type has a width; `UnreadableModel` for a shape that none can have."""
    tensor = Tensor(name, tuple(shape), dtype)
    if len(tensor.shape) > 64 or any(not isinstance(size, int) or not 0 <= size < 1 << 63 for size in tensor.shape):
        raise UnreadableModel(f"tensor {name[:80]!r} has a shape that none can have")
    return tensor._replace(nbytes=tensor.elements * WIDTHS[dtype]) if dtype in WIDTHS else tensor
