"""Where Git LFS keeps content: `lfs/objects/aa/bb/SHA256` below the Git directory, or where `lfs.storage` says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

from cpv_hooks.console.output import counted, few, say, size_text
from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.git.repo import Repo
from cpv_hooks.migration.lfs_pointers import LfsFile
from cpv_hooks.system.copying_ahead import CHUNK


class LfsObjects:
    """The Git LFS objects of a clone."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo

    @cached_property
    def folder(self) -> Path:
        return self._repo.common_dir / (self._repo.config("lfs.storage") or "lfs")

    def path(self, sha256: str) -> Path:
        """Where an object lies, if it is there."""
        return self.folder / "objects" / sha256[:2] / sha256[2:4] / sha256

    def demand(self, files: Iterable[LfsFile], refs: Iterable[str], *, fetch: bool) -> None:
        """Have all of them here, fetched by `git lfs` where that may be; else `CPVError` that names what is missing."""
        wanted = list(files)
        missing = self._missing(wanted)
        if missing and fetch and self._repo.ok("lfs", "version"):
            say(f"fetching {len(missing)} Git LFS objects ({size_text(sum(file.size for file in missing))})")
            remote = self._repo.run("remote").split()[:1]
            self._repo.run("lfs", "fetch", *remote, *(refs if remote else ()), check=False)
            missing = self._missing(wanted)
        if missing:
            names = few(list(dict.fromkeys(file.path for file in missing)))
            count = counted(len(missing), "Git LFS object")
            what = f"{count} not in this clone: {names} (e.g. {missing[0].sha256})"
            raise CPVError(what, where=str(self.folder), fix="git lfs fetch --all, where git-lfs is installed")

    def _missing(self, files: Iterable[LfsFile]) -> list[LfsFile]:
        return [file for file in {file.sha256: file for file in files}.values() if not self._has(file)]

    def _has(self, file: LfsFile) -> bool:
        try:
            return self.path(file.sha256).stat().st_size == file.size
        except OSError:
            return False

    def md5s(self, files: Iterable[LfsFile]) -> dict[str, str]:
        """The MD5 of each object by its SHA-256, which is verified. Raises `CPVError` for a damaged one."""
        wanted = {file.sha256: file for file in files}
        with Progress("checking Git LFS objects", sum(file.size for file in wanted.values())) as progress:
            return {sha256: self._md5(file, progress.advance) for sha256, file in wanted.items()}

    def _md5(self, file: LfsFile, advance: Callable[[int], None]) -> str:
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        path = self.path(file.sha256)
        with open(path, "rb", buffering=0) as reader:
            while chunk := reader.read(CHUNK):
                sha256.update(chunk)
                md5.update(chunk)
                advance(len(chunk))
        if sha256.hexdigest() != file.sha256:
            fix = f"rm {shell_path(path)}, then git lfs fetch --all"
            raise CPVError(f"the Git LFS object of {file.path} is damaged", where=str(path), fix=fix)
        return md5.hexdigest()
