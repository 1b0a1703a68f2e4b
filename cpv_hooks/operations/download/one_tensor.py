"""One tensor of a version's models as a safetensors file: of what the cache lacks, only its bytes are fetched."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cpv_hooks.console.output import size_text
from cpv_hooks.console.plan import Effect, Plan
from cpv_hooks.errors import CPVError, disk_error, shell_path, shell_word
from cpv_hooks.history.model_contents import Models
from cpv_hooks.model_formats.record import WIDTHS, Tensor
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.system.atomic_files import beside
from cpv_hooks.versions.version import Version, resolve_version

_ALIGNMENT = 8  # of the tensors, as the format asks


def plan_tensor(project: Project, tag: str | None, name: str, target: Path) -> Plan[Path]:
    """Plan to write a tensor of a model version (the highest by default) to `target`, which must not be there.

    A range of a file has no hash of its own: what comes from the remote is not verified. Raises `CPVError` for a tensor
    that the version has not, and one whose bytes lie in no one piece or are of a type that safetensors has not.
    """
    version = resolve_version(project, Line.MODEL, tag)
    tensor = _find(project, version, name)
    if tensor.part is None or tensor.dtype not in WIDTHS:
        what = f"tensor {name!r} is of type {tensor.dtype}, or in pieces: safetensors has no place for it"
        raise CPVError(what, where=version.name, fix=f"dvc cpv model download --tag {shell_word(version.name)}")
    if target.exists():
        raise CPVError("exists already", where=str(target), fix=f"rm {shell_path(target)}, or name another --to")
    size = size_text(tensor.nbytes or 0)
    return Plan((Effect("file", f"write {target} ({size})"),), target, lambda: _write(tensor, target))


def _find(project: Project, version: Version, name: str) -> Tensor:
    models = Models([project])
    found = [model for pointer in version.pointers if (model := models.read(pointer)) is not None]
    tensor = next((one for model in found for one in model.tensors if one.name == name), None)
    if tensor is None:
        errors = models.new_errors(version.name)
        why = f" ({errors[0]})" if errors else ""
        fix = f"dvc cpv model info --tensors --tag {shell_word(version.name)}"
        raise CPVError(f"there is no tensor {name!r}{why}", where=version.name, fix=fix)
    return tensor


def _write(tensor: Tensor, target: Path) -> Path:
    assert tensor.part is not None
    part = tensor.part()
    said = {tensor.name: {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [0, part.size]}}
    header = json.dumps(said, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _ALIGNMENT)
    temporary = beside(target)
    try:
        with temporary.open("xb") as stream:
            stream.write(len(header).to_bytes(8, "little") + header)
            for chunk in part.chunks():
                stream.write(chunk)
        os.replace(temporary, target)
    except OSError as error:
        raise disk_error(error, target) from error
    finally:
        temporary.unlink(missing_ok=True)
    return target
