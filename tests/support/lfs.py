"""Repositories that use Git LFS, without its program: pointer files, attributes, and objects where it keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from support.repos import ModelRepo

TRACKED = "*.bin filter=lfs diff=lfs merge=lfs -text\n"


def pointer(data: bytes) -> str:
    """The pointer file of this content."""
    oid = hashlib.sha256(data).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n"


def store(repo: ModelRepo, data: bytes) -> str:
    """Put content where `git lfs` keeps it; returns the path from the top."""
    oid = hashlib.sha256(data).hexdigest()
    name = f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}"
    repo.write(name, data)
    return name


def keep(repo: ModelRepo, files: Mapping[str, bytes], *, smudged: bool = True) -> None:
    """Stage files as `git lfs` would; the work tree has their content where `smudged`, else the pointers."""
    for name, data in files.items():
        store(repo, data)
        repo.write(name, pointer(data))
        repo.git("-c", "filter.lfs.clean=cat", "-c", "filter.lfs.required=false", "add", "-f", name)
        if smudged:
            repo.write(name, data)
