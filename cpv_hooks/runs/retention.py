"""Letting go of the steps that a run does not keep: their refs, and the bytes that nothing else needs.

Only what the run itself brought goes, and only where no ref, stash, work tree, queued upload or young reflog entry of
this clone needs it, nor, on the remote, any ref of a Git host. What cannot be decided stays for `dvc cpv prune`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress

from cpv_hooks.console.output import say, warn
from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.runs import run_refs
from cpv_hooks.runs.keep_rules import Mark, keep_rule, kept_steps
from cpv_hooks.runs.run_folder import JOB, RunFolder, freeing
from cpv_hooks.runs.step_record import RunStep
from cpv_hooks.runs.take_in import brought, write_brought
from cpv_hooks.transfer.objects.open import inventory_of
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.upkeep.prune import cache_plan, remote_plan
from cpv_hooks.upkeep.prune.needed_objects import Needed
from cpv_hooks.upkeep.prune.prune_plan import PruneOptions
from cpv_hooks.upkeep.verify.starts import HostRef

_SKEW = 300.0
"""Seconds by which a remote's clock may be behind this machine's."""


def apply(project: Project, folder: RunFolder) -> None:
    """Drop the steps that the job's rule does not keep."""
    steps = run_refs.steps_of_run(project.repo, folder.name)
    rule = keep_rule(folder.read(JOB).get("keep") or ["all"])
    kept = kept_steps(rule, marks(steps))
    gone = [step for step in steps if step.step not in kept]
    if gone:
        drop_steps(project, folder, gone)


def marks(steps: Sequence[RunStep]) -> list[Mark]:
    return [Mark(step.step, step.metrics) for step in steps]


def drop_steps(project: Project, folder: RunFolder, steps: Sequence[RunStep]) -> None:
    """Delete the refs of steps, on the Git host too where `[runs] push` put them there, and free what they needed."""
    repo = project.repo
    run_refs.delete_step_refs(repo, folder.name, steps)
    Queue.of(repo).done(root_key(project), [step.commit for step in steps])
    if project.config.runs_push and run_refs.has_host(repo):
        try:
            _drop_on_host(project, folder.name, steps)
        except CPVError as error:
            warn(f"run {folder.name}: the Git host still has steps that were dropped here: {error}")
    free(project, folder)


def _drop_on_host(project: Project, run: str, steps: Sequence[RunStep]) -> None:
    repo, refs = project.repo, [run_refs.ref_of(run, step.step) for step in steps]
    listed = repo.run("ls-remote", "--quiet", run_refs.HOST, *refs).split()[1::2]
    there = [ref for ref in refs if ref in listed]
    if there:
        repo.run("push", "--quiet", "--no-follow-tags", run_refs.HOST, *(f":{ref}" for ref in there))


def free(project: Project, folder: RunFolder) -> None:
    """Remove what the run brought and nothing needs any more, from the cache and the remote. Raises nothing."""
    known = brought(folder)
    try:
        with freeing(project.repo):
            gone = _unneeded([project], known, PruneOptions())
            _free_cache(project, {oid: known[oid] for oid in gone})
        left = _free_remote(project, {oid: known[oid] for oid in gone}) if gone else set()
    except CPVError as error:
        say(f"run {folder.name}: what only dropped steps needed is left to dvc cpv prune: {error}")
        return
    # What is not gone from the remote yet is looked at again the next time.
    write_brought(folder, {oid: when for oid, when in known.items() if oid not in gone or oid in left})


def free_cache(project: Project, objects: dict[str, float]) -> None:
    """Remove from the cache what a run brought there (with the time of it) and nothing of this clone needs."""
    with freeing(project.repo):
        gone = _unneeded([project], objects, PruneOptions())
        _free_cache(project, {oid: objects[oid] for oid in gone})


def _unneeded(
    projects: Sequence[Project], objects: Collection[str], options: PruneOptions, theirs: Sequence[HostRef] = ()
) -> set[str]:
    if not objects:
        return set()
    needed = Needed(projects[0].repo, Project.find_all(projects[0].repo), options, theirs)
    candidates = set(objects) - needed.plainly()
    return candidates - needed.everything() if candidates else set()


def _free_cache(project: Project, objects: dict[str, float]) -> None:
    with suppress(CPVError):  # a cache that other repositories may use keeps it
        cache_plan.check_owner(project.repo, [project], PruneOptions())
        store = Store(project)
        for oid in sorted(objects, key=lambda oid: not oid.endswith(".dir")):
            store.discard(oid, objects[oid])


def _free_remote(project: Project, objects: dict[str, float]) -> set[str]:
    """Remove objects from the remote where it is this model's own; returns those that may still be there.

    Another clone that saw one there may count on it until its refs are on the Git host. Where `[runs] free` says "at
    once", every push asks the remote again (see `upload_objects`); else `dvc cpv prune --remote` takes it in time.
    """
    if project.config.runs_free != "at once":
        return set()
    if not project.remote_name or project.remote_versioned or not remote_plan.is_own(project):
        return set()
    remote = Store(project).remote
    inventory = inventory_of(remote)
    if inventory is None:
        return set()
    try:
        theirs = remote_plan.refs_of_hosts(project.repo)
    except CPVError:
        return set(objects)  # a host has commits that this clone lacks, or does not answer
    gone = _unneeded([project], objects, PruneOptions(remote=True), theirs)
    seen = inventory.look(sorted(gone))
    # What lay there before the run brought it was somebody else's.
    ours = [oid for oid in seen if (seen[oid].modified or 0) >= objects[oid] - _SKEW]
    Queue.of(project.repo).forget(remote.url, ours)
    inventory.remove(ours)
    return set(objects) - gone
