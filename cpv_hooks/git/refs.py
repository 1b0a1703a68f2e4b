"""What the refs of a repository name. Who only reads asks Git once for all of them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from cpv_hooks.git.repo import Repo

TAGS = "refs/tags/"
REPLACED = "refs/replace/"
"""Here `git replace` keeps what stands for another object."""
_WITH_TAGS = (TAGS, REPLACED)
_PLACES = ("{}", "refs/{}", f"{TAGS}{{}}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
_FORMAT = "--format=%(objectname) %(refname)"

_listed: ContextVar[dict[tuple[Path, bool], dict[str, str]] | None] = ContextVar("_listed", default=None)
"""What was listed of each repository: all refs, or tags and replaced objects alone."""


@contextmanager
def listed_once() -> Iterator[None]:
    """Within it refs are those of one moment, the first in which they are asked for: for what changes none of them."""
    if _listed.get() is not None:
        yield
        return
    token = _listed.set({})
    try:
        yield
    finally:
        _listed.reset(token)


def refs_below(repo: Repo, *prefixes: str, git_dir: Path | None = None) -> Mapping[str, str]:
    """Ref -> the id of what it names, by name; all refs, or those below these folders. No object is opened.

    `git_dir` is another work tree's, whose folder may be gone: some refs are its own.
    """
    known, place = _listed.get(), git_dir or repo.git_dir
    if known is None:
        return _list(repo, place, *prefixes)
    few = bool(prefixes) and all(prefix.startswith(_WITH_TAGS) for prefix in prefixes)
    found = known.get((place, False), known.get((place, True)) if few else None)
    if found is None:
        found = known[place, few] = _list(repo, place, *(_WITH_TAGS if few else ()))
    return {ref: oid for ref, oid in found.items() if ref.startswith(prefixes)} if prefixes else found


def _list(repo: Repo, git_dir: Path, *prefixes: str) -> dict[str, str]:
    lines = repo.run("for-each-ref", _FORMAT, *prefixes, env={"GIT_DIR": str(git_dir)}).splitlines()
    return {ref: oid for oid, _, ref in (line.partition(" ") for line in lines)}


def short_name(ref: str, refs: Container[str]) -> str:
    """The shortest name that means this one of a repository's refs alone, as `%(refname:short)` has it.

    https://git-scm.com/docs/gitrevisions, `<refname>`
    """
    for place in reversed(_PLACES[1:]):
        start, _, end = place.partition("{}")
        name = ref.removeprefix(start).removesuffix(end)
        if place.format(name) == ref and sum(other.format(name) in refs for other in _PLACES) == 1:
            return name
    return ref
