"""What `git sparse-checkout` is about to remove, looked at by `post-index-change`, which runs before that."""

from __future__ import annotations

from cpv_hooks.console.output import warn
from cpv_hooks.errors import CPVError, file_word, one_line
from cpv_hooks.git.repo import Repo
from cpv_hooks.project import left_out
from cpv_hooks.project.project import Project
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.outcomes import SyncReport
from cpv_hooks.sync.report import tell_outcomes
from cpv_hooks.sync.sync_policy import SPARSE_CHECKOUT
from cpv_hooks.transfer.objects.upload_queue import Queue

_NOT_SAVED = frozenset({"invalid", "in flux", "over budget"})


def before_folders_go(repo: Repo) -> int:
    """Git is about to remove the folders outside of the sparse checkout with all that it ignores in them, artifacts and
    DVC's cache among them, unless one has a file that it neither tracks nor ignores
    (`clean_tracked_sparse_directories` in builtin/sparse-checkout.c). What cannot be saved stays, and so does a cache
    with what is nowhere else.
    """
    left_out.release_folders(repo)
    try:
        left_out.bring_settings(repo)
        brought = {prefix: left_out.bring_root(repo, prefix) for prefix in left_out.going(repo)}
        report = guarded_sync(repo, SPARSE_CHECKOUT)
        tell_outcomes(report)
        failed = [outcome.path for outcome in report.outcomes if outcome.state in _NOT_SAVED]
        # An operation that was interrupted keeps a sync from looking at anything.
        _keep(repo, failed if report.projects else None)
        for prefix, files in brought.items():
            _release_root(repo, report, prefix, files)
    except BaseException:
        _keep(repo, None)
        raise
    return 0


def _keep(repo: Repo, failed: list[str] | None) -> None:
    """Keep Git from removing the folders of these artifacts; None for any that there may be."""
    kept = left_out.keep_artifacts(repo, failed)
    if kept:
        names = ", ".join(f"{folder}/" for folder in kept)
        what = f"{names} stays, as an artifact there could not be saved"
        warn(one_line(what, fix="git sparse-checkout reapply, once it can"))


def _release_root(repo: Repo, report: SyncReport, prefix: str, files: list[str]) -> None:
    """Let Git remove a root's folder, whose settings were brought back, unless its cache has what is nowhere else."""
    queue = Queue.of(repo)
    unsaved = any(outcome.path.startswith(prefix) for outcome in report.of("rescued"))
    own = [project for project in report.projects if project.prefix == prefix]
    waits = queue.pending(prefix.rstrip("/") or ".")
    if not own or unsaved or waits or any(_has_the_only_copy(queue, one) for one in own):
        fix = f"git sparse-checkout add {file_word(f'{prefix}.dvc')}"
        left_out.keep_folder(repo, prefix)
        warn(one_line(f"{prefix}.dvc stays, as its cache has what is nowhere else", fix=fix))
        return
    for file in files:
        (repo.top / file).unlink(missing_ok=True)


def _has_the_only_copy(queue: Queue, project: Project) -> bool:
    """Whether a cache that is about to go has an object that anything needs and no remote has: `[push] when` may
    leave uploads to a push, or to nobody, and a rescue is uploaded by none.
    """
    from cpv_hooks.remote.common.inventory import object_files
    from cpv_hooks.transfer.objects.store import Store
    from cpv_hooks.upkeep.prune.needed_objects import Needed
    from cpv_hooks.upkeep.prune.prune_plan import PruneOptions

    if not project.cache_dir.is_relative_to(project.root):
        return False
    try:
        for legacy, folder in ((False, project.cache_dir / "files/md5"), (True, project.cache_dir)):
            sizes = {oid: status.st_size for oid, _, status in object_files(folder)} if folder.is_dir() else {}
            remotes = [Store(project.at(name), legacy=legacy).remote for name in project.remotes if sizes]
            rest = set(sizes)
            for remote in remotes:
                rest -= queue.verified(remote.url, rest)
            rest &= Needed(project.repo, [project], PruneOptions()).plainly() if rest else set()
            for remote in remotes:
                rest &= remote.missing(sorted(rest), {oid: sizes[oid] for oid in rest}) if rest else set()
            if rest:
                return True
    except (CPVError, OSError):
        return True
    return False
