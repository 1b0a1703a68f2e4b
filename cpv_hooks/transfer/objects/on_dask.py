"""A folder's files hashed, cached and uploaded by the workers of a Dask cluster that see the same file system.

Each task is a few files. One whose worker is killed is done again by another worker, and nothing else is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.dvc_config import LinkType
from cpv_hooks.dvcformat.file_hash import md5_of
from cpv_hooks.errors import CPVError, disk_errors, shell_word
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.system.dask_cluster import connect_cluster
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.worktree.known_files import BeingWritten
from cpv_hooks.worktree.snapshot import unchanged
from cpv_hooks.worktree.spread import FilePart

LEAST = 256 << 20
"""Bytes below which a hook does it by itself: the way to the cluster takes a second."""
_TASK_BYTES, _TASK_FILES = 256 << 20, 200
_WITHOUT_WORKERS = 60.0  # seconds
_LOOK = 1.0


class DaskJob(NamedTuple):
    """What all tasks of a folder have in common: plain values, for they travel. `remote` asks for the upload."""

    root: str
    folder: str
    cache: str
    types: tuple[LinkType, ...]
    shared: bool
    stores: bool
    remote: str | None


class OnDask:
    """A cluster, for the artifacts of one DVC root."""

    def __init__(self, project: Project, address: str, *, least: int = 0, uploads: bool = True) -> None:
        """Folders below `least` bytes are left alone; without `uploads` nothing goes to the remote."""
        self._project = project
        self._address = address
        self._least = least
        self._uploads = uploads and bool(project.remote_name) and not project.remote_versioned

    def is_worth(self, parts: Sequence[FilePart]) -> bool:
        return len(parts) > 1 and sum(part.signature[0] for part in parts) >= self._least

    def hash(self, root: Path, parts: Sequence[FilePart]) -> list[str]:
        return self._run(root, parts, stores=False)

    def store(self, root: Path, parts: Sequence[FilePart]) -> list[str]:
        if self._uploads and _is_vanished(self._project):
            self._uploads = False  # the upload of the commit says so
        oids = self._run(root, parts, stores=True)
        if self._uploads:
            sizes: dict[str, int | None] = {oid: part.signature[0] for oid, part in zip(oids, parts, strict=True)}
            Queue.of(self._project.repo).record(Store(self._project).remote.url, sizes)
        return oids

    def _run(self, root: Path, parts: Sequence[FilePart], *, stores: bool) -> list[str]:
        project = self._project
        job = DaskJob(
            str(project.root),
            str(root),
            str(project.cache_dir),
            project.cache_types,
            project.cache_shared,
            stores,
            project.remote_name if stores and self._uploads else None,
        )
        tasks = list(_tasks(parts))
        with connect_cluster(self._address) as client:
            found = _results(client, job, tasks, "saving" if stores else "hashing")
        return [oid for number in range(len(tasks)) for oid in found[number]]


def _is_vanished(project: Project) -> bool:
    from cpv_hooks.remote.common.protocol import RemoteError
    from cpv_hooks.transfer.objects.open import refuse_vanished

    try:
        refuse_vanished(project, Store(project).remote)
    except RemoteError:
        return True
    return False


def _tasks(parts: Sequence[FilePart]) -> Iterator[list[FilePart]]:
    task: list[FilePart] = []
    size = 0
    for part in parts:
        if task and (len(task) >= _TASK_FILES or size + part.signature[0] > _TASK_BYTES):
            yield task
            task, size = [], 0
        task.append(part)
        size += part.signature[0]
    if task:
        yield task


def _results(client: Any, job: DaskJob, tasks: Sequence[Sequence[FilePart]], doing: str) -> dict[int, list[str]]:
    import distributed

    rows = [[(part.name, tuple(part.signature)) for part in task] for task in tasks]
    futures = {client.submit(_work, job, row, pure=False): at for at, row in enumerate(rows)}
    waiting, found = set(futures), dict[int, list[str]]()
    alone = time.monotonic()
    try:
        with Progress(f"{doing} on {_count(client)} Dask workers") as progress:
            progress.grow(sum(part.signature[0] for task in tasks for part in task))
            while waiting:
                try:
                    done = distributed.wait(waiting, timeout=_LOOK, return_when="FIRST_COMPLETED").done
                except (TimeoutError, distributed.TimeoutError):
                    done = set()
                for future in done:
                    found[futures[future]] = _oids(future)
                    progress.advance(sum(part.signature[0] for part in tasks[futures[future]]))
                waiting -= done
                workers = _count(client)
                progress.what = f"{doing} on {workers} Dask workers"
                alone = time.monotonic() if workers or done else alone
                if time.monotonic() > alone + _WITHOUT_WORKERS:
                    raise CPVError("the Dask cluster has no workers", where=client.scheduler.address, fix="dask worker")
    finally:
        client.cancel(list(waiting))
    return found


def _count(client: Any) -> int:
    return len(client.scheduler_info(n_workers=-1)["workers"])


def _oids(future: Any) -> list[str]:
    error = future.exception()
    if error is not None:
        what = f"a Dask worker could not do its part: {type(error).__name__}: {error}"
        raise CPVError(" ".join(what.split()), fix="see the worker's log; it needs this package and the same folders")
    answer: Mapping[str, Any] = future.result()
    if "written" in answer:
        raise BeingWritten(Path(answer["written"]))
    if "error" in answer:
        what, where, fix = answer["error"]
        raise CPVError(what, where=where, fix=fix)
    return list(answer["oids"])


def _work(job: DaskJob, rows: Sequence[tuple[str, tuple[int, ...]]]) -> dict[str, Any]:
    """One task. Errors travel as plain values: a worker may have another version of what raises them."""
    job = DaskJob(*job)
    cache = Cache(Path(job.cache), types=tuple(job.types), shared=job.shared)

    def read(path: Path) -> str:
        return cache.add_file(path)[0] if job.stores else md5_of(path)

    oids = []
    try:
        with disk_errors(Path(job.folder)):
            for name, signature in rows:
                path = Path(job.folder, name)
                size, modified, changed, inode = signature
                oids.append(unchanged(path, (size, modified, changed, inode), partial(read, path)))
            if job.remote is not None:
                _upload(job.root, oids)
    except BeingWritten as error:
        return {"written": error.where}
    except CPVError as error:
        return {"error": [f"{error.what} (on {os.uname().nodename})", error.where, error.fix]}
    return {"oids": oids}


def _upload(root: str, oids: Sequence[str]) -> None:
    store = _store(root)
    blobs = {oid: blob for oid in oids if (blob := store.blob(oid)) is not None}
    absent = store.remote.missing(list(blobs), {oid: blob.size for oid, blob in blobs.items()})
    with Progress("uploading") as progress:
        store.remote.upload([blobs[oid] for oid in blobs if oid in absent], progress)


@lru_cache(maxsize=8)
def _store(root: str) -> Store:
    from cpv_hooks.git.repo import Repo
    from cpv_hooks.project.project import Project

    return Store(Project.open(Repo.discover(Path(root)), Path(root)))


def on_dask(project: Project) -> OnDask | None:
    """The cluster that `[snapshot] dask` of `.cpv.toml` names, for hooks; None where it names none.

    Its workers get what they upload with from their own machine, but what they answer is unpickled here: a scheduler
    that a clone names is asked for only when the user has confirmed it, which is said once.
    """
    from cpv_hooks.console.output import warn
    from cpv_hooks.project import trust

    address = project.config.snapshot_dask
    if not address:
        return None
    if not trust.is_confirmed(project.repo, address):
        warn(
            f"[snapshot] dask: {address} is not used before it is confirmed, as whoever answers there can run programs "
            f"as you; {trust.COMMAND} {shell_word(trust.server(address))}"
        )
        return None
    return OnDask(project, address, least=LEAST, uploads=project.config.uploads_commits)
