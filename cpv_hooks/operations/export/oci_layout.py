"""A folder of files becomes an OCI image layout: each file a layer of its own, uncompressed, under its SHA-256.

The layout: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
Media types and annotations are ModelPack's: https://github.com/modelpack/model-spec
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cpv_hooks.model_formats import suffixes
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.export.version_facts import ExportFacts
from cpv_hooks.project.config import Kind

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_MODEL = "application/vnd.cncf.model"


class Layer(NamedTuple):
    """A file by its path in the folder; `kind` is that of its artifact, None for what describes the version."""

    path: str
    sha256: str
    kind: Kind | None


def write(folder: Path, source: Path, facts: ExportFacts, layers: Sequence[Layer]) -> None:
    """Make the layout in a folder; the layers' files are moved there from `source`."""
    (folder / "blobs/sha256").mkdir(parents=True)
    rows = [_take(folder, source, layer) for layer in layers]
    config = _blob(folder, f"{_MODEL}.config.v1+json", _config(facts, layers))
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "artifactType": f"{_MODEL}.manifest.v1+json",
        "config": config,
        "layers": rows,
        "annotations": _annotations(facts),
    }
    entry = _blob(folder, _MANIFEST, manifest)
    entry |= {"artifactType": manifest["artifactType"], "annotations": {"org.opencontainers.image.ref.name": facts.tag}}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    (folder / "index.json").write_bytes(_json(index))
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))


def _take(folder: Path, source: Path, layer: Layer) -> dict[str, Any]:
    size = (source / layer.path).stat().st_size
    os.replace(source / layer.path, folder / "blobs/sha256" / layer.sha256)  # equal files are one blob
    annotations = {"org.cncf.model.filepath": layer.path}
    return _descriptor(_media_type(layer), layer.sha256, size) | {"annotations": annotations}


def _media_type(layer: Layer) -> str:
    if layer.kind == "data":
        return f"{_MODEL}.dataset.v1.raw"
    if layer.kind in (None, "metrics"):
        return f"{_MODEL}.doc.v1.raw"
    is_weight = suffixes.suffix(layer.path) in suffixes.MODEL
    return f"{_MODEL}.weight.v1.raw" if is_weight else f"{_MODEL}.weight.config.v1.raw"


def _config(facts: ExportFacts, layers: Sequence[Layer]) -> dict[str, Any]:
    descriptor = {
        "createdAt": facts.created,
        "name": facts.name,
        "version": facts.tag,
        "revision": facts.commit,
        "description": facts.message,
        **({"vendor": facts.team} if facts.team else {}),
    }
    digests = [f"sha256:{layer.sha256}" for layer in layers]
    return {"descriptor": descriptor, "config": {}, "modelfs": {"type": "layers", "diffIds": digests}}


def _annotations(facts: ExportFacts) -> Mapping[str, str]:
    prefix = "org.opencontainers.image"
    return {
        f"{prefix}.created": facts.created,
        f"{prefix}.title": facts.name,
        f"{prefix}.version": facts.tag,
        f"{prefix}.revision": facts.commit,
        f"{prefix}.description": facts.message,
    }


def _blob(folder: Path, media_type: str, document: Mapping[str, Any]) -> dict[str, Any]:
    data = _json(document)
    digest = hashlib.sha256(data).hexdigest()
    (folder / "blobs/sha256" / digest).write_bytes(data)
    return _descriptor(media_type, digest, len(data))


def _descriptor(media_type: str, sha256: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{sha256}", "size": size}


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"
