"""Which reader a file is for, and what is said where it cannot read it."""

from __future__ import annotations

from collections.abc import Callable

from cpv_hooks.errors import CPVError
from cpv_hooks.model_formats import boosted_trees, catboost, gguf, hdf5, onnx, safetensors, sklearn_files, torch_files
from cpv_hooks.model_formats.damage import DAMAGE, damage_reason
from cpv_hooks.model_formats.record import Model, UnreadableModel
from cpv_hooks.model_formats.suffixes import READABLE, suffix
from cpv_hooks.model_formats.zip_archive import MAGIC as ZIP
from cpv_hooks.model_formats.zip_archive import Archive
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.byte_source import Buffered, ByteSource

_HEAD = 64


class FormatReader(NamedTuple):
    """A format: what its files are called, how they begin, and who reads them.

    Where `shared`, much else begins the same way: what cannot be read may be anything.
    """

    format: str
    suffixes: tuple[str, ...]
    begins: Callable[[bytes], bool]
    read: Callable[[ByteSource], Model | None]
    shared: bool = False


def _never(head: bytes) -> bool:
    """Its files begin in no way of their own: they are known by their names."""
    return False


def _zip(source: ByteSource) -> Model | None:
    archive = Archive(source)
    if archive.ending("data.pkl") is not None:
        return torch_files.read_zip(archive)
    if hdf5.WEIGHTS in archive.members:
        return hdf5.read_keras(archive)
    return sklearn_files.read_skops(archive) if "schema.json" in archive.members else None


READERS = (
    FormatReader("safetensors", (".safetensors",), safetensors.begins, safetensors.read),
    FormatReader("GGUF", (".gguf",), lambda head: head.startswith(gguf.MAGIC), gguf.read),
    FormatReader("PyTorch before 1.6", (), lambda head: head.startswith(torch_files.LEGACY), torch_files.read_legacy),
    FormatReader("PyTorch", (".pt", ".pth"), lambda head: head.startswith(ZIP), _zip, shared=True),
    FormatReader("Keras", (".keras",), _never, _zip),
    FormatReader("scikit-learn skops", (".skops",), _never, _zip),
    FormatReader("HDF5", (".h5", ".hdf5"), lambda head: head.startswith(hdf5.MAGIC), hdf5.read),
    FormatReader("ONNX", (".onnx",), _never, onnx.read),
    FormatReader("XGBoost JSON", (), boosted_trees.begins_xgboost, boosted_trees.read_xgboost),
    FormatReader("XGBoost UBJSON", (".ubj",), boosted_trees.begins_ubjson, boosted_trees.read_ubjson),
    FormatReader("LightGBM", (), lambda head: head.startswith(b"tree\nversion="), boosted_trees.read_lightgbm),
    FormatReader("CatBoost", (".cbm",), lambda head: head.startswith(catboost.MAGIC), catboost.read),
    FormatReader("pickle", (), sklearn_files.begins_pickle, sklearn_files.read_pickle, shared=True),
    FormatReader("joblib", (".joblib",), _never, sklearn_files.read_joblib),
)


def read_file(name: str, source: ByteSource) -> Model | None:
    """What a file says of itself; None where it is of no format that is known here.

    A file that is not what its name or its first bytes say has no more than `errors`. What a remote or a disk refuses
    is raised.
    """
    source = Buffered(source)
    head = source.read(0, min(_HEAD, source.size))
    ending = suffix(name)
    named = next((one for one in READERS if ending in one.suffixes), None)
    # By its name first: some formats begin like others, or in no way of their own.
    reader = next((one for one in READERS if one.begins(head)), named)
    if reader is None:
        return None
    try:
        found = reader.read(source)
    except CPVError:
        raise
    except (UnreadableModel, *DAMAGE) as error:
        if reader.shared and named is None and ending not in READABLE:
            return None
        return Model((named or reader).format, errors=(damage_reason(error),))
    if found is None and named is not None:
        return Model(named.format, errors=(f"it is no {named.format} file",))
    return found
