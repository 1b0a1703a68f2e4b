"""What a commit says about the artifacts: the facts that a tag is made from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from cpv_hooks.dvcformat.pointer import Named, Pointer
from cpv_hooks.errors import CPVError, file_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import Kind
from cpv_hooks.project.expected import lacks_version
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line


class CheckpointArtifact(NamedTuple):
    """An artifact as a commit has it. `size` is in bytes; `changed` against every parent of the commit."""

    kind: Kind
    path: str
    oid: str | None
    size: int | None = None
    nfiles: int | None = None
    changed: bool = False


class Checkpoint(NamedTuple):
    """A commit and its artifacts, over all DVC roots of the repository."""

    commit: str
    subject: str
    artifacts: tuple[CheckpointArtifact, ...]
    metrics: Mapping[str, int | float | str]
    # The DVC root that decides each changed line: the first one in which a pointer of that line changed.
    changed: Mapping[Line, Project]
    # The metrics artifacts that give no metrics.
    silent: tuple[str, ...] = ()


def roots(repo: Repo, project: Project) -> list[Project]:
    """Every DVC root of the repository, outermost first, with `project` among them."""
    found = Project.find_all(repo)
    return found if any(other.root == project.root for other in found) else [project, *found]


class Header(NamedTuple):
    """What a commit says of itself."""

    commit: str
    parents: Sequence[str]
    subject: str


def read_checkpoint(repo: Repo, projects: Sequence[Project], rev: str) -> Checkpoint:
    """Read a commit. Raises `CPVError` where a pointer is not readable or names no content yet."""
    (header,) = read_headers(repo, [rev]).values()
    return checkpoint_of(projects, header)


def checkpoint_of(projects: Sequence[Project], header: Header) -> Checkpoint:
    """The same, of a commit whose header was read."""
    commit, parents, subject = header
    artifacts: dict[str, CheckpointArtifact] = {}
    changed: dict[Line, Project] = {}
    logs: list[tuple[Project, Pointer]] = []
    for project, pointer, is_new in _pointers(projects, commit, parents):
        kind = project.kind_of(pointer.path)
        artifacts[pointer.path] = CheckpointArtifact(
            kind, pointer.path, pointer.oid, pointer.size, pointer.nfiles, is_new
        )
        if is_new:
            changed.setdefault(Line.of(kind), project)
        logs.append((project, pointer))
    # Where this clone's cache lacks them, a tag without metrics is better than none.
    from cpv_hooks.versions.commit_metrics import read_commit_metrics

    metrics = read_commit_metrics(logs)
    return Checkpoint(commit, subject, tuple(artifacts.values()), metrics.values, changed, metrics.silent)


def read_headers(repo: Repo, commits: Collection[str]) -> dict[str, Header]:
    """The headers of these commits (ids), by id, in one process."""
    # `rev-list`, because `log` obeys log.showSignature, and a raw commit names parents that a shallow clone lacks.
    args = ("rev-list", "--no-walk=unsorted", "--parents", "--encoding=UTF-8", "--format=%s", "--stdin")
    lines = repo.run(*args, input="".join(f"{commit}\n" for commit in commits)).split("\n") if commits else []
    found = dict[str, Header]()
    for head, subject in zip(lines[0::2], lines[1::2], strict=False):
        commit, *parents = head.removeprefix("commit ").split()
        found[commit] = Header(commit, parents, subject.strip())
    return found


def _pointers(
    projects: Sequence[Project], commit: str, parents: Sequence[str]
) -> Iterator[tuple[Project, Pointer, bool]]:
    from cpv_hooks.project.pointers_at import pointers_at

    for project in projects:
        before = [_contents(project, parent) for parent in parents]
        for pointer in pointers_at(project, commit):
            _refuse_incomplete(project, pointer, commit)
            content = pointer.named
            yield project, pointer, pointer.oid is not None and all(old.get(pointer.path) != content for old in before)


def incomplete_commits(projects: Sequence[Project], commits: Iterable[str]) -> dict[str, CPVError]:
    """Those of these commits that no tag can make a version, and why: `read_checkpoint` would raise it."""
    from cpv_hooks.project.pointers_at import pointers_at

    found = dict[str, CPVError]()
    for commit in dict.fromkeys(commits):
        try:
            for project in projects:
                for pointer in pointers_at(project, commit):
                    _refuse_incomplete(project, pointer, commit)
        except CPVError as error:
            found[commit] = error
    return found


def cannot_be_version(name: str, error: CPVError) -> CPVError:
    """Why a tag of this name cannot be a version."""
    return CPVError(f"{error.what} ({name})", where=error.where, fix=error.fix)


def _refuse_incomplete(project: Project, pointer: Pointer, commit: str) -> None:
    # An import that was not downloaded has no content by the user's wish.
    if pointer.oid is None and not pointer.imported:
        raise CPVError(
            f"{pointer.path} has no content at {commit[:10]}, so it cannot be tagged",
            where=pointer.file,
            fix=f"dvc commit {file_word(pointer.file)}, git commit",
        )
    if not _is_complete(project, pointer):
        raise CPVError(
            f"{pointer.path} has no uploaded version on the remote at {commit[:10]}, so it cannot be tagged",
            where=pointer.file,
            fix="dvc cpv sync, git commit",
        )


def _contents(project: Project, commit: str) -> Mapping[str, Named]:
    from cpv_hooks.project.pointers_at import pointers_at

    try:
        pointers = [pointer for pointer in pointers_at(project, commit) if _is_complete(project, pointer)]
        return {pointer.path: pointer.named for pointer in pointers}
    except CPVError:
        # A parent with a broken pointer: the commit that mends it is a checkpoint.
        return {}


def _is_complete(project: Project, pointer: Pointer) -> bool:
    """Whether plain DVC finds the content; the commit that first says where it is on the remote is the checkpoint."""
    return not lacks_version(project, pointer)
