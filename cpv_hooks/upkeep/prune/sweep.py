"""Planning under the locks of everyone who could need something new, and removing what the plan names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from cpv_hooks import state_files
from cpv_hooks.console.output import warn
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.errors import CPVError, disk_errors, git_word, shell_path
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.clone_settings import is_tracked
from cpv_hooks.project.project import Project
from cpv_hooks.system.dvc_lock import holding_dvc
from cpv_hooks.system.locks import locked
from cpv_hooks.system.own_files import link_above
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.upkeep.prune import cache_plan, remote_plan
from cpv_hooks.upkeep.prune.needed_objects import Needed
from cpv_hooks.upkeep.prune.prune_plan import CachePart, PruneOptions, PrunePlan, RemotePart
from cpv_hooks.upkeep.prune.uncommitted_content import work_trees


def plan_prune(repo: Repo, projects: Sequence[Project], options: PruneOptions) -> PrunePlan:
    """What would go. Changes nothing. Raises `CPVError` where it cannot be known what is needed."""
    cache_plan.check_owner(repo, projects, options)
    theirs = remote_plan.refs_of_hosts(repo) if options.remote else []
    needed = Needed(repo, projects, options, theirs)
    found = PrunePlan(options, cache_plan.plan_caches(projects, needed, options), waiting=needed.waiting)
    if options.remote:
        found.remotes = remote_plan.plan_remotes(projects, needed, options)
    return found


@contextmanager
def locks(repo: Repo, projects: Sequence[Project]) -> Iterator[None]:
    """Keep every sync of every work tree and DVC itself waiting; waits for those at work."""
    with ExitStack() as held:
        for tree in sorted(work_trees(repo), key=lambda tree: tree.git_dir):
            held.enter_context(locked(tree.state / state_files.LOCK, wait=True, say="syncing a work tree"))
        for project in projects:
            _refuse_link(repo, project)
            held.enter_context(holding_dvc(project.root, by_link=project.lock_by_link))
        yield


def _refuse_link(repo: Repo, project: Project) -> None:
    """DVC's lock is written to, so not where a link that came with the clone leads."""
    link = link_above(project.root, ".dvc/tmp/")
    if link is not None and is_tracked(repo, project.prefix + link):
        fix = f"git rm --cached {git_word(project.prefix + link)} && rm {shell_path(project.root / link)}"
        raise CPVError("a symbolic link that came with the repository", where=str(project.root / link), fix=fix)


def sweep(repo: Repo, plan: PrunePlan) -> None:
    """Remove what a plan names, directory objects before files. Raises `CPVError` where one cannot be removed; what
    other remotes hold is removed all the same.

    What is there no more, or was renewed since the plan was made, is passed over.
    """
    for cache in plan.caches:
        _sweep_cache(cache)
    faults: list[CPVError] = []
    for remote in plan.remotes:
        try:
            _sweep_remote(Queue.of(repo), remote)
        except CPVError as error:
            faults.append(error)
    for fault in faults[1:]:
        warn(str(fault))
    if faults:
        raise faults[0]


def _sweep_cache(part: CachePart) -> None:
    with disk_errors(part.folder):
        for item in sorted(part.objects, key=lambda item: not is_dir_oid(item.oid)):
            if item.file is not None and _mtime(item.file) == item.modified:
                item.file.unlink(missing_ok=True)
        for path in part.leftovers:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _mtime(path: os.PathLike[str]) -> float | None:
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return None


def _sweep_remote(queue: Queue, part: RemotePart) -> None:
    # First the record: a push that comes in between looks at the remote itself.
    queue.forget(part.url, [item.oid for item in part.objects])
    try:
        part.inventory.remove([item.oid for item in part.objects])
    finally:
        part.inventory.clean(part.leftovers)
