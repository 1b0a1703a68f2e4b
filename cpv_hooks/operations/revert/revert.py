"""Going back to a version: all of it, as `git checkout` does, or its data alone."""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.console.plan import Effect, Plan
from cpv_hooks.errors import CPVError
from cpv_hooks.git.commit import blob_at
from cpv_hooks.git.index import index_entries, set_index_entries
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo
from cpv_hooks.git.trees import tree_changes
from cpv_hooks.operations.download.version_content import find_content
from cpv_hooks.operations.make import make_version, work_tree
from cpv_hooks.operations.revert import revert_data, uncommitted
from cpv_hooks.operations.revert.bring_artifacts import Bringing
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.recovery import transaction as journal
from cpv_hooks.recovery import undo_git, undo_head
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.recovery.transaction import Transaction
from cpv_hooks.sync.report import tell_outcomes
from cpv_hooks.sync.sync_policy import CHECKOUT
from cpv_hooks.system.atomic_files import write_or_remove
from cpv_hooks.versions import checkpoint as checkpoints
from cpv_hooks.versions import stages
from cpv_hooks.versions.version import Version, resolve_version, version_tags
from cpv_hooks.worktree.absent_files import part_wanted
from cpv_hooks.worktree.workspace import Workspace


def plan_revert(
    project: Project, lines: Sequence[Line], tag: str, *, force: bool = False, use_cache: bool = True
) -> Plan[None]:
    """Plan to bring the work tree to a version.

    The model, or both lines: `git checkout TAG`, which detaches HEAD, with every artifact as it was then; for both
    lines the tag may be of either. The data alone: its pointers, staged, and its artifacts; HEAD, code and model stay.
    What the cache lacks (without `use_cache` all of it) is fetched before anything is changed. Artifacts that are not
    saved are kept on the rescue list; other changes that are not committed refuse, and with `force` come along where
    Git can keep them.

    Raises `CPVError` with everything as it was.
    """
    make_version.begin_operation(project)
    version = _version(project, lines, tag)
    if Line.MODEL not in lines:
        return revert_data.plan_data(project, version, force=force, use_cache=use_cache)
    projects = checkpoints.roots(project.repo, project)
    tracked = {one.root: work_tree.tracked_artifacts(one) for one in projects}
    everything = [one for found in tracked.values() for one in found]
    dirty = uncommitted.find_uncommitted(projects, everything)
    changes = tree_changes(project.repo, "HEAD", version.commit)
    uncommitted.refuse(project.repo, dirty, changes, force=force)
    parts = [_bringing(one, version, use_cache=use_cache) for one in projects]
    found = [effect for part in parts for effect in part.effects(tracked[part.stock.project.root])]
    head = project.repo.resolve("HEAD") or ""
    effects = (*found, *(Effect("git", f"restore {file}") for file in dirty.pointers), _checkout(version, changes))
    return Plan(effects, None, lambda: _run(project, version, head, parts, dirty))


def _version(project: Project, lines: Sequence[Line], tag: str) -> Version:
    """The version that the name means in the first of the lines that has it."""
    if not tag:
        raise CPVError("no version is named", where=str(project.root), fix="dvc cpv checkpoint list")
    if stages.is_reference(tag):
        return resolve_version(project, Line.MODEL if Line.MODEL in lines else lines[0], tag)
    line = next((line for line in lines if tag in version_tags(project, line)), lines[0])
    return resolve_version(project, line, tag)


def _bringing(project: Project, version: Version, *, use_cache: bool) -> Bringing:
    """What a version has of a DVC root, and what HEAD has beyond it. What is to be left out is the sync's."""
    space = Workspace.open(project)
    pointers = tuple(pointers_at(project, version.commit))
    whole = version._replace(pointers=tuple(one for one in pointers if part_wanted(space, one) == "all"))
    leaves = len(whole.pointers) < len(pointers)
    paths = {pointer.path for pointer in pointers}
    gone = tuple(pointer for pointer in pointers_at(project, "HEAD") if pointer.path not in paths)
    stock = find_content(project, whole, use_cache=use_cache)
    return Bringing(stock, gone, f"revert to {version.name}", use_cache, leaves)


def _checkout(version: Version, changes: dict[str, tuple[str | None, str | None]]) -> Effect:
    files = f" ({', '.join(changes)})" if changes else ""
    return Effect("git", f"checkout {version.name}: HEAD is detached at {version.commit[:10]}{files}")


def _run(project: Project, version: Version, head: str, parts: Sequence[Bringing], dirty: uncommitted.Dirt) -> None:
    repo = project.repo
    with journal.begin_transaction(repo, f"revert to {version.name}", head) as transaction:
        transaction.step("fetch")
        for part in parts:
            part.fetch()
        transaction.hold_work_tree()
        _restore(transaction, repo, head, dirty.pointers)
        transaction.step("checkout", [undo_head.checkout(repo, version.commit)])
        _git_checkout(repo, version)
        for part in parts:
            part.place(transaction, head)
    if any(part.leaves for part in parts):
        tell_outcomes(guarded_sync(repo, CHECKOUT))


def _restore(transaction: Transaction, repo: Repo, head: str, files: Sequence[str]) -> None:
    """Let pointer files say what HEAD says, so that Git finds nothing of them in its way."""
    texts = {file: blob_at(repo, file, head) or b"" for file in files}
    now = index_entries(repo, files)
    goal = {file: f"100644 {repo.run('rev-parse', f'{head}:{file}').strip()}" for file in files}
    undos = [undo_git.file(file, (repo.top / file).read_bytes(), text) for file, text in texts.items()]
    if files:
        transaction.step("pointers", [*undos, undo_git.index({file: (now.get(file), goal[file]) for file in files})])
    for file, text in texts.items():
        write_or_remove(repo.top / file, text)
    set_index_entries(repo, dict(goal))


def _git_checkout(repo: Repo, version: Version) -> None:
    """With the user's own post-checkout hook. A branch of that name would be preferred by Git."""
    is_branch = repo.resolve(f"refs/heads/{version.name}") is not None
    name = f"{TAGS}{version.name}" if is_branch else version.name
    repo.run("checkout", "-q", name, "--", env={"CPV_RUNNING": "", "CPV_SILENCED": "1"})
