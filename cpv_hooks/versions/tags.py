"""The numbers of checkpoints: the next one, the automatic ones of a commit, those that a user names.

Rules that the code follows, each with a test:

- A line's next number follows its highest, over all tags of the repository and all that this clone ever published.
- A commit gets an automatic tag in each line in which a pointer changed against *every* parent, so a merge that takes
  one side's pointers gets none, and neither does the removal of an artifact. Metrics and extras count as model.
- A commit has at most one automatic tag of a line, and any number that a person made, each higher than all before.
- A published tag never moves; an automatic one that was never published follows its commit through a rewrite.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line, Scheme
from cpv_hooks.versions import checkpoint as checkpoints
from cpv_hooks.versions import tag_records, tag_refs
from cpv_hooks.versions.checkpoint import Checkpoint
from cpv_hooks.versions.numbering import Numbers
from cpv_hooks.versions.tag_refs import ListedTag, Tag

# Two processes that number at once: each loser looks again. More losses than this are another problem.
_ATTEMPTS = 20


def next_tag(repo: Repo, project: Project, line: Line) -> str:
    """The name that the line's next checkpoint gets."""
    return Numbers.of(repo, scheme_of(project.config)).next_free(line)


def last_tag(repo: Repo, project: Project, line: Line) -> str | None:
    """The name of the line's highest tag that exists here, or None."""
    scheme = scheme_of(project.config)
    highest = Numbers(scheme, tag_refs.all_tag_names(repo)).highest(line)
    return None if highest is None else scheme.format(line, highest)


def create_auto(
    repo: Repo, projects: Sequence[Project], commit: str, listed: Sequence[ListedTag] | None = None
) -> list[str]:
    """Tag a commit in each line in which a pointer changed, as `[tags] on_commit` of its DVC root says.

    `projects` are all DVC roots, outermost first; `listed` are the tags, if known. Returns the new names. Lines that
    have an automatic tag on this commit are left alone.
    """
    from cpv_hooks.versions.commit_metrics import tell_silent

    found = checkpoints.read_checkpoint(repo, projects, commit)
    tell_silent(repo, found.silent)
    return _tag_changes(repo, found, tag_refs.list_tags(repo) if listed is None else listed)


def create_tags(
    repo: Repo,
    project: Project,
    version: str | None,
    message: str | None,
    lines: Sequence[Line],
    *,
    commit: str = "HEAD",
) -> list[str]:
    """Tag a commit in the given lines, in one transaction; returns the names in the order of `lines`.

    `version` is a tag's name or the bare number (`v1.0`, `1.0`), the same number in each line; without it each line
    takes its next. Raises `CPVError` for a version that is malformed, taken or backward.
    """
    oid = repo.resolve(commit)
    if oid is None:
        raise CPVError(f"{commit} names no commit", where=str(repo.top), fix="git commit")
    if message is not None and not message.strip():
        raise CPVError("the message of a tag cannot be empty", fix='dvc cpv tag -m "MESSAGE"')
    scheme = scheme_of(project.config)
    found = checkpoints.read_checkpoint(repo, checkpoints.roots(repo, project), oid)
    if version is None:
        return _make(repo, found, message, dict.fromkeys(lines, scheme))
    numbers = Numbers.of(repo, scheme)
    named = numbers.explicit(version, lines)
    for line, name in named.items():
        numbers.refuse(line, name)
    return _make(repo, found, message, named)


def move_rewritten(repo: Repo, project: Project, pairs: Sequence[tuple[str, str]]) -> list[str]:
    """After a rewrite (old commit, new commit, in order): automatic tags that nobody has seen follow their commits.

    Each is made again from the new commit. Of several that meet on one commit the highest stays, and one that the
    commit got while it was being rewritten goes. A published tag stays on the old commit and the new one gets the next
    number, where its pointers changed. A tag whose new commit changed no pointer stays: the old checkpoint keeps its
    name. Returns the names that moved or were made.
    """
    projects = checkpoints.roots(repo, project)
    names: list[str] = []
    failure: CPVError | None = None
    rewritten = list(dict.fromkeys(new for old, new in pairs if old != new))
    headers = checkpoints.read_headers(repo, rewritten)
    for new in rewritten:
        olds = {old for old, other in pairs if other == new != old}
        try:
            names += _follow(repo, checkpoints.checkpoint_of(projects, headers[new]), olds)
        except CPVError as error:
            # The other commits' tags follow all the same.
            failure = failure or error
    if failure:
        raise failure
    return names


def renumber_tags(repo: Repo, project: Project, names: Sequence[str], taken: Collection[str]) -> dict[str, str]:
    """Give automatic tags that lost a race the next free numbers, in the order of `names`; `taken` are the remote's.

    The numbers that they had are free again, where the remote has not got them. All in one transaction. Returns old
    name to new name; published and foreign tags are left alone.
    """
    from cpv_hooks.versions.tag_objects import make_objects

    projects = checkpoints.roots(repo, project)
    own = {tag.name: tag for tag in tag_refs.read_tags(repo, names=names)}
    losers = _movable(repo, [own[name] for name in names if name in own])
    olds = {tag.name: tag.oid for tag in losers}
    known = {*tag_refs.all_tag_names(repo), *tag_records.published_names(repo)}.difference(olds).union(taken)
    renamed, wanted = dict[str, str](), list[tuple[str, str, str]]()
    series: dict[Path, Numbers] = {}
    headers = checkpoints.read_headers(repo, {tag.commit for tag in losers})
    for tag in losers:
        assert tag.info.line is not None
        found = checkpoints.checkpoint_of(projects, headers[tag.commit])
        owner = found.changed.get(tag.info.line, project)
        if owner.root not in series:
            series[owner.root] = Numbers(scheme_of(owner.config), known)
        new = series[owner.root].next_free(tag.info.line)
        known.add(new)
        for numbers in series.values():
            numbers.add(new)
        if new != tag.name:
            message = _message(new, tag.info.line, found)
            wanted.append((new, tag.commit, message))
            renamed[tag.name] = new
    if renamed:
        objects = make_objects(repo, wanted)
        tag_refs.update_tags(
            repo,
            create={name: oid for name, oid in objects.items() if name not in olds},
            update={name: (oid, olds[name]) for name, oid in objects.items() if name in olds},
            delete=[tag for tag in losers if tag.name in renamed and tag.name not in objects],
        )
    return renamed


def _movable(repo: Repo, tags: Sequence[Tag]) -> list[Tag]:
    published = tag_records.published_names(repo)
    own = [tag for tag in tags if tag.info.automatic and tag.info.line is not None and tag.name not in published]
    return _not_brought(repo, own)


def _not_brought(repo: Repo, tags: Sequence[Tag]) -> list[Tag]:
    oids = {tag.name: tag.oid for tag in tags}
    brought = set(tag_refs.tags_from_remote(repo, oids, tag_records.tags_made_here(repo)))
    return [tag for tag in tags if tag.name not in brought]


def _tag_changes(repo: Repo, found: Checkpoint, listed: Sequence[ListedTag]) -> list[str]:
    names = [tag.name for tag in listed if tag.commit == found.commit]
    present = {tag.info.line for tag in tag_refs.read_tags(repo, names=names) if tag.info.automatic}
    schemes = {
        line: scheme_of(owner.config)
        for line, owner in sorted(found.changed.items(), reverse=True)
        if owner.config.tag_on_commit and line not in present
    }
    return _make(repo, found, None, schemes, automatic=True, existing=[tag.name for tag in listed]) if schemes else []


def _make(
    repo: Repo,
    found: Checkpoint,
    message: str | None,
    wanted: Mapping[Line, Scheme] | Mapping[Line, str],
    *,
    automatic: bool = False,
    existing: Collection[str] | None = None,
) -> list[str]:
    """Write a tag in each line, all or none: the given name, or the next of a scheme.

    Where another process takes a next number meanwhile, this one takes the next after it. `existing` are the tags that
    were just listed.
    """
    from cpv_hooks.versions.tag_objects import make_objects  # few commits get a tag

    for attempt in range(1, _ATTEMPTS + 1):
        named = []
        for line, choice in wanted.items():
            name = choice if isinstance(choice, str) else Numbers.of(repo, choice, existing).next_free(line)
            tag_refs.check_tag_name(repo, name)
            named.append((name, found.commit, _message(name, line, found, message, automatic=automatic)))
        objects = make_objects(repo, named)
        try:
            tag_refs.update_tags(repo, create=objects)
            break
        except CPVError:
            existing = tag_refs.all_tag_names(repo)
            taken = tag_refs.Taken(existing)
            lost = any(name in taken for name in objects)
            if not lost or attempt == _ATTEMPTS or any(isinstance(choice, str) for choice in wanted.values()):
                raise
    return list(objects)


def _follow(repo: Repo, found: Checkpoint, olds: Collection[str]) -> list[str]:
    if not found.changed:
        return []
    there = {*olds, found.commit}
    names_there = {tag.name for tag in tag_refs.list_tags(repo) if tag.commit in there}
    read = tag_refs.read_tags(repo, names=names_there - tag_records.published_names(repo))
    loose = _not_brought(repo, [tag for tag in read if tag.info.automatic and tag.commit in there])
    names: list[str] = []
    for line, owner in found.changed.items():
        names += _move(repo, scheme_of(owner.config), line, found, [tag for tag in loose if tag.info.line == line])
    return names + _tag_changes(repo, found, tag_refs.list_tags(repo))


def _move(repo: Repo, scheme: Scheme, line: Line, found: Checkpoint, tags: list[Tag]) -> list[str]:
    from cpv_hooks.versions.tag_objects import make_object  # few commits get a tag

    moving = [tag for tag in tags if tag.commit != found.commit]
    if not moving:
        return []
    keep = max(moving, key=lambda tag: scheme.parse(line, tag.name) or ())
    message = _message(keep.name, line, found)
    oid = make_object(repo, keep.name, found.commit, message)
    tag_refs.update_tags(repo, update={keep.name: (oid, keep.oid)}, delete=[t for t in tags if t is not keep])
    return [keep.name]


def _message(name: str, line: Line, found: Checkpoint, message: str | None = None, *, automatic: bool = True) -> str:
    from cpv_hooks.versions.tag_message import write_tag_message

    return write_tag_message(name, line, found, message, automatic=automatic)
