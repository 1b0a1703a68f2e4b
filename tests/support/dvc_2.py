"""What DVC 2 wrote: pointers without the name of their hash, and objects beside `files/md5`."""

from __future__ import annotations

import json

from support.repos import ModelRepo


def hash_of(repo: ModelRepo, name: str) -> str:
    """A file's hash, by DVC's own function."""
    from dvc_data.hashfile.hash import file_md5

    return str(file_md5(str(repo.path / name), name="md5-dos2unix"))


def put(repo: ModelRepo, oid: str, data: bytes, store: str = ".dvc/cache", mode: int = 0o444) -> None:
    """Store an object in the place that DVC 2 gave it."""
    path = repo.path / store / oid[:2] / oid[2:]
    if not path.exists():
        repo.write(str(path.relative_to(repo.path)), data).chmod(mode)


def add(repo: ModelRepo, *names: str) -> None:
    """`dvc add` of DVC 2."""
    for name in names:
        path = repo.path / name
        if path.is_dir():
            files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
            rows = [{"md5": _add_file(repo, f"{name}/{file}"), "relpath": file} for file in files]
            data = json.dumps(rows, sort_keys=True).encode()
            repo.write(".dvc/tmp/listing", data)
            oid, nfiles = f"{hash_of(repo, '.dvc/tmp/listing')}.dir", f"  nfiles: {len(files)}\n"
            put(repo, oid, data)
            size = sum((path / file).stat().st_size for file in files)
        else:
            oid, nfiles, size = _add_file(repo, name), "", path.stat().st_size
        repo.write(f"{name}.dvc", f"outs:\n- md5: {oid}\n  size: {size}\n{nfiles}  path: {name}\n")


def _add_file(repo: ModelRepo, name: str) -> str:
    oid = hash_of(repo, name)
    put(repo, oid, repo.read(name))
    return oid
