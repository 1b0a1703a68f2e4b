"""Tags as Git has them: reading, and writing in one transaction."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from cpv_hooks.errors import CPVError
from cpv_hooks.git.refs import TAGS, refs_below
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.versions.tag_records import note_made, published_names, tags_made_here

if TYPE_CHECKING:
    from cpv_hooks.versions.tag_message import TagInfo

_FEW = 50
_PEELED = "^{}"
_PLAIN = re.compile(r"[A-Za-z0-9]+(?:[._@-][A-Za-z0-9]+)*(?<!\.lock)")
_FIELDS = "%(refname:strip=2)%00%(objectname)%00%(*objectname)%00%(objecttype)%00%(contents)%00"


class Tag(NamedTuple):
    """A tag: `oid` is what the ref names (the tag object of an annotated one), `commit` what it stands for."""

    name: str
    oid: str
    commit: str
    info: TagInfo


class ListedTag(NamedTuple):
    """A tag without what it says; `oid` and `commit` as `Tag` has them."""

    name: str
    oid: str
    commit: str


def all_tag_names(repo: Repo) -> list[str]:
    """The names of all tags, in one Git call at most, which opens no object."""
    return list(tag_oids(repo))


def tag_oids(repo: Repo) -> dict[str, str]:
    """What each tag names, by the tag's name, in one Git call at most, which opens no object."""
    return {ref[len(TAGS) :]: oid for ref, oid in refs_below(repo, TAGS).items()}


def list_tags(repo: Repo) -> list[ListedTag]:
    """All tags, in one Git call, which opens no tag that is packed: what it names stands beside it there."""
    found: dict[str, ListedTag] = {}
    # `for-each-ref` would open each of them.
    for line in repo.run("show-ref", "--tags", "--dereference", nothing=1).splitlines():
        oid, _, ref = line.partition(" ")
        name, is_peeled = ref[len(TAGS) :].removesuffix(_PEELED), ref.endswith(_PEELED)
        found[name] = found[name]._replace(commit=oid) if is_peeled else ListedTag(name, oid, oid)
    return list(found.values())


def tagged_commits(repo: Repo) -> dict[str, str]:
    """The commit that each tag stands for, by the tag's name; one that stands for none is left out."""
    from cpv_hooks.git.objects import ref_commits

    return {ref[len(TAGS) :]: commit for ref, commit in ref_commits(repo, refs_below(repo, TAGS)).items()}


def read_tags(
    repo: Repo, *, commit: str | None = None, name: str | None = None, names: Collection[str] | None = None
) -> list[Tag]:
    """All tags with what they say, or those of one commit, or of that name, or of these; in one Git call at most.

    Git opens each tag that is read, so of a long history better not all are.
    """
    wanted = names if name is None else [name]
    if wanted is not None and not wanted:
        return []
    # Git compares each tag with each pattern.
    patterns = [TAGS + one for one in wanted] if wanted is not None and len(wanted) <= _FEW else [TAGS]
    only = [f"--points-at={commit}"] if commit else []
    from cpv_hooks.versions.tag_message import TagInfo, parse_tag_message

    values = repo.run("for-each-ref", f"--format={_FIELDS}", *only, *patterns).split("\0")
    found = []
    for start in range(0, len(values) - 5, 5):
        ref, oid, peeled, kind, contents = values[start : start + 5]
        info = parse_tag_message(contents) if kind == "tag" else TagInfo("")
        found.append(Tag(ref.lstrip("\n"), oid, peeled or oid, info))
    # A pattern also matches the folder of that name.
    return [tag for tag in found if wanted is None or tag.name in wanted]


class Taken:
    """Names of tags, and those for which Git has no room beside them: it exists, or a folder or a file of it does."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)
        self._folders = {folder for name in self.names for folder in _folders(name)}

    def add(self, name: str) -> None:
        self.names.add(name)
        self._folders |= _folders(name)

    def __contains__(self, name: str) -> bool:
        return name in self.names or name in self._folders or not self.names.isdisjoint(_folders(name))


def _folders(name: str) -> set[str]:
    return {name[:at] for at, char in enumerate(name) if char == "/"}


def check_tag_name(repo: Repo, name: str) -> None:
    """Refuse a name that Git would not take; Git's own check decides, where that is not plain to see."""
    if _PLAIN.fullmatch(name):
        return
    if "\0" in name or name.startswith("-") or not repo.ok("check-ref-format", TAGS + name):
        raise CPVError(f"{name!r} is not a name that Git takes for a tag", fix="dvc cpv tag (picks the next number)")


def update_tags(
    repo: Repo,
    *,
    create: Mapping[str, str] | None = None,
    update: Mapping[str, tuple[str, str]] | None = None,
    delete: Iterable[Tag] = (),
) -> None:
    """Create, move (name to new and old id) and delete tags: all of them or none. `CPVError` where one lost a race."""
    new_tags, moved = create or {}, update or {}
    lines = [f"create {TAGS}{name}\0{oid}\0" for name, oid in new_tags.items()]
    lines += [f"update {TAGS}{name}\0{new}\0{old}\0" for name, (new, old) in moved.items()]
    lines += [f"delete {TAGS}{tag.name}\0{tag.oid}\0" for tag in delete]
    made = {**new_tags, **{name: new for name, (new, _) in moved.items()}}
    # Before the refs: a tag that we made and forgot to note would count as published for ever.
    note_made(repo, made)
    repo.run("update-ref", "--stdin", "-z", input="".join(lines))


def is_published(repo: Repo, name: str) -> bool:
    """Whether a tag is known to others: a push sent it out, or it came from a remote.

    A tag that this clone did not make, on a commit that a remote has or that was not made here, came from there.
    """
    if name in published_names(repo):
        return True
    return bool(tags_from_remote(repo, {tag.name: tag.oid for tag in read_tags(repo, name=name)}, tags_made_here(repo)))


def tags_from_remote(repo: Repo, tags: Mapping[str, str], made_here: Collection[str]) -> list[str]:
    """Those of these tags (name to object id), none of which a push sent out, that arrived with a clone or a fetch."""
    unknown = {name: oid for name, oid in tags.items() if f"{oid} {name}" not in made_here}
    if not unknown:
        return []
    from cpv_hooks.git.objects import commits_of

    there = commits_of(repo, unknown.values())
    here = commits_of_this_clone(repo, there.values())
    return [name for name, oid in unknown.items() if oid in there and there[oid] not in here]


def commits_of_this_clone(repo: Repo, commits: Iterable[str]) -> set[str]:
    """Those commits that were made here, and that no remote has as far as is known.

    A fetched tag may name one that no branch of the remote has: its branch is gone, or the clone is a shallow one.
    """
    from cpv_hooks.git.reflogs import commits_made_here

    asked = set(commits)
    outside = commits_outside(repo, asked, (), "--remotes") if asked else asked
    # Without a remote there is nowhere else that they can be from.
    return outside & commits_made_here(repo) if outside and repo.run("remote").strip() else outside


def commits_outside(repo: Repo, commits: Collection[str], tips: Iterable[str], *refs: str) -> set[str]:
    """Those commits that are in none of these histories; `refs` are options that name refs, `--remotes` say."""
    text = "".join(f"{rev}\n" for rev in (*commits, *(f"^{tip}" for tip in tips)))
    printed = repo.run("rev-list", "--ignore-missing", "--stdin", *(("--not", *refs) if refs else ()), input=text)
    return set(commits).intersection(printed.split())
