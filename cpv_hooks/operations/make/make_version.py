"""The one way in which a version is made: contents into the cache, to the remote, into pointers, a commit, its tags.

Data goes first, verified; everything after it is undone where a step fails, and by the next run after a kill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cpv_hooks import state_files
from cpv_hooks.console.plan import Plan
from cpv_hooks.console.progress import Progress
from cpv_hooks.console.redact import redact
from cpv_hooks.errors import CPVError, git_word
from cpv_hooks.events.outbox import Event, emit_events, emit_tagged
from cpv_hooks.git import commit as committing
from cpv_hooks.git.index import index_entries
from cpv_hooks.git.refs import TAGS
from cpv_hooks.operations.make import commit_draft as draft
from cpv_hooks.operations.make import place_content, tag_names, upload_plan
from cpv_hooks.operations.make.commit_draft import Draft, PointerChange
from cpv_hooks.operations.make.release_effects import Release, effects_of_release
from cpv_hooks.project.expected import has_remote
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.recovery import transaction as journal
from cpv_hooks.recovery import undo_git, undo_head
from cpv_hooks.recovery.transaction import Transaction
from cpv_hooks.system.atomic_files import write_or_remove
from cpv_hooks.system.locks import locked
from cpv_hooks.system.signatures import Clock
from cpv_hooks.versions import tag_refs
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.snapshot import Snapshot
from cpv_hooks.worktree.workspace import Workspace


def begin_operation(project: Project) -> None:
    """What every operation needs before it looks: nothing left half-done, no merge under way, a commit, a committer."""
    repo = project.repo
    journal.recover(repo)
    repo.head()
    under_way = repo.under_way()
    if under_way is not None:
        raise CPVError(f"a {under_way} is under way", where=str(repo.top), fix=f"git {under_way} --continue or --abort")
    unmerged = repo.run("ls-files", "-u", "-z").partition("\0")[0].partition("\t")[2]
    if unmerged:
        raise CPVError("is in conflict", where=unmerged, fix=f"settle it, then git add {git_word(unmerged)}")


def plan_version(
    project: Project,
    what: str,
    changes: Sequence[PointerChange],
    lines: Sequence[Line],
    *,
    version: str | None,
    messages: Mapping[Line, str | None],
    description: str,
    reuse: bool,
    author_date: str | None = None,
    others: Mapping[str, bytes | None] | None = None,
    untracked: Sequence[str] = (),
) -> Plan[tuple[str, ...]]:
    """Plan the commit of these changes and a tag in each line; the result is the tags, in the order of `lines`.

    `others` and `untracked` are a `Draft`'s; `author_date` is as in `GIT_AUTHOR_DATE`, by default the commit's own.

    With `reuse` a commit that is not needed and has a tag of the line keeps that. Raises `CPVError` as the parts do.
    """
    messages = {line: tag_names.checked_message(messages.get(line)) for line in lines}
    told = list(dict.fromkeys(message for message in messages.values() if message))
    draft_ = replace(draft.make(project, changes), others=others or {}, untracked=untracked)
    job = Release(what, draft_, {}, {}, messages, "; ".join(told) or description, author_date)
    committing.committer_time(project.repo)
    existing = _existing(project, lines, version) if reuse and not job.commits else {}
    missing = [line for line in lines if line not in existing]
    job = job._replace(named=tag_names.next_tag_names(project, missing, version) if missing else {}, existing=existing)
    result = tuple({**job.existing, **job.named}[line] for line in lines)
    return Plan(tuple(effects_of_release(job)), result, lambda: _run(job, result))


def _existing(project: Project, lines: Sequence[Line], version: str | None) -> dict[Line, str]:
    """The tag of HEAD in each line that has one; where a version is wanted, only one of that name."""
    found = {line: tag_names.at_head(project, line) for line in lines}
    if version is None:
        return {line: names[-1] for line, names in found.items() if names}
    asked = {line: tag_names.meant(project, line, version) for line in lines}
    return {line: name for line, name in asked.items() if name in found[line]}


def _run(job: Release, result: tuple[str, ...]) -> tuple[str, ...]:
    repo = job.draft.project.repo
    with journal.begin_transaction(repo, job.what, job.draft.head) as transaction:
        transaction.step("cache")
        taken = store_contents(job.draft)
        transaction.step("upload")
        try:
            job = job._replace(draft=_publish(job.draft))
        except CPVError as error:
            emit_events(repo.top, Event("upload_failed", data={"error": redact(str(error)), "what": job.what}))
            raise
        transaction.hold_work_tree()
        place_contents(transaction, job.draft, job.what)
        write_small_files(transaction, job.draft)
        commit = _commit(transaction, job)
        _tag(transaction, job, commit)
    note_contents(job.draft.project, taken)
    emit_tagged(repo.top, job.named.values())
    emit_events(repo.top, Event("uploaded", data={"commits": [commit]}))
    return result


def store_contents(made: Draft) -> dict[str, Snapshot]:
    """Bring the new contents into the cache; returns what the index is to say of those that stand in their place."""
    repo = made.project.repo
    taken: dict[str, Snapshot] = {}
    with (
        Progress("caching") as progress,
        locked(repo.state / state_files.LOCK, wait=True, say="syncing this work tree"),
    ):
        index = Index.load(repo.state)
        for change in made.changes:
            progress.grow(change.new.content.size or 0)
            found = place_content.store_content(_space(change.space, index, progress), change)
            if found is not None:
                taken[change.pointer.path] = found
    return taken


def _space(planned: Workspace, index: Index, progress: Progress) -> Workspace:
    project = planned.project
    space = Workspace(project, index, Clock(project.repo.state / state_files.CLOCK), progress.advance)
    space.spread = planned.spread
    return space


def _publish(made: Draft) -> Draft:
    for root, pointers in made.roots:
        if has_remote(root, pointers) or root.root == made.project.root:
            found = upload_plan.send_missing(root, pointers, made.head)
            made = made.with_versions(found)
    return made


def place_contents(transaction: Transaction, made: Draft, what: str) -> None:
    """Put contents that the cache has by now in their places; what stood there goes on the rescue list (`what`)."""
    index = Index.load(made.project.repo.state)
    with Progress("placing") as progress:
        for change in made.changes:
            if not change.in_place:
                progress.grow(change.new.content.size or 0)
                space = _space(change.space, index, progress)
                committed = place_content.committed_pointer(space.project, change.pointer.path, made.head)
                place_content.place_content(
                    transaction, space, change.goal, committed, None if change.nothing_lost else what
                )


def write_small_files(transaction: Transaction, made: Draft) -> None:
    """Write the small files of the work tree, as one step."""
    repo, written = made.project.repo, made.written
    if not written:
        return
    undos = [undo_git.file(path, draft.standing(repo, path), data) for path, data in written.items()]
    transaction.step("pointers", undos)
    for path, data in written.items():
        write_or_remove(repo.top / path, data)


def _commit(transaction: Transaction, job: Release) -> str:
    repo, contents = job.draft.project.repo, job.draft.committed
    if not contents:
        return job.draft.head
    when, date = committing.committer_time(repo)
    index = index_entries(repo, list(contents))
    before = {path: index.get(path) for path in contents}
    transaction.step("commit", [undo_head.coming_commit(repo, job.draft.head, when, before)])
    message = tag_names.commit_message({**job.existing, **job.named}, job.description)
    return committing.commit_files(repo, contents, message, date, job.author_date)


def _tag(transaction: Transaction, job: Release, commit: str) -> None:
    project = job.draft.project
    messages = {
        line: message or (f"{name}: {job.description}" if commit != job.draft.head else None)
        for line, name in job.named.items()
        for message in [job.messages.get(line)]
    }
    objects = tag_names.objects(project, job.named, messages, commit)
    if objects:
        created = {f"{TAGS}{name}": (None, oid) for name, oid in objects.items()}
        transaction.step("tag", [undo_git.refs(created)])
        tag_refs.update_tags(project.repo, create=objects)


def note_contents(project: Project, taken: Mapping[str, Snapshot]) -> None:
    """Let the index know what was read, so that the next sync need not read it again."""
    repo = project.repo
    with locked(repo.state / state_files.LOCK, wait=True, say="syncing this work tree"):
        index = Index.load(repo.state)
        for path, held in taken.items():
            index.set(path, held.entry, held.tree)
        index.save()
