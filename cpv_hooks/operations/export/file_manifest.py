"""A manifest of files as an in-toto statement, in the form that `model_signing` signs: https://github.com/sigstore/model-transparency

It is not signed: who signs needs a key, and the library (`model_signing sign … FOLDER`) has every kind of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath

NAME = "manifest.intoto.json"


def manifest_text(model: str, files: Mapping[str, str]) -> str:
    """The statement of these files (path -> SHA-256 in hex); the subject's digest is over theirs, in order of path."""
    rows = sorted(files.items(), key=lambda row: PurePosixPath(row[0]))
    root = hashlib.sha256(b"".join(bytes.fromhex(digest) for _, digest in rows)).hexdigest()
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": model, "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [NAME],
            },
            "resources": [{"name": name, "algorithm": "sha256", "digest": digest} for name, digest in rows],
        },
    }
    return json.dumps(statement, indent=2, ensure_ascii=False) + "\n"
