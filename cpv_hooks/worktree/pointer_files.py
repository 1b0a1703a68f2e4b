"""The pointer files of a work tree: as Git lists them, and as the disk has them."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterator
from pathlib import Path

from cpv_hooks.dvcformat.pointer import MAX_BYTES, POINTER_FILES, Pointer, is_pointer_file, parse_pointers
from cpv_hooks.errors import CPVError, git_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import FILE
from cpv_hooks.system.own_files import link_above
from cpv_hooks.system.signatures import newest_time, signature
from cpv_hooks.worktree.base_index import Index

Known = dict[str, tuple[tuple[int, int, int, int], int, list[Pointer]]]
"""What each pointer file said, with its signature and the file system's time (ns) when it was read."""


class ListedFiles(NamedTuple):
    """The pointer files, those of them in conflict, and pointers and settings in Git's index with their tags.

    `settings` are the `.cpv.toml` files, in the index or not.
    """

    files: list[str]
    unmerged: set[str]
    tracked: list[str]
    settings: list[str]


def chosen_pointers(repo: Repo, file: str) -> list[Pointer]:
    """The pointers of a file in conflict, where it holds one side and no markers."""
    try:
        return parse_pointers((repo.top / file).read_text(encoding="utf-8"), file, _pipeline(repo.top / file))
    except (CPVError, OSError, UnicodeDecodeError):
        return []


def pointer_files(repo: Repo) -> list[str]:
    """The pointer files that Git tracks or would track, relative to the top; some may be deleted from the disk."""
    return list_pointer_files(repo).files


def all_pointer_files(repo: Repo) -> list[str]:
    """Those that Git ignores as well."""
    listed = repo.run("ls-files", "-z", "--cached", "--others", "--", *POINTER_FILES)
    return sorted({name for name in listed.split("\0") if is_pointer_file(name)})


def readable_pointers(repo: Repo) -> Iterator[Pointer]:
    """The pointers of a work tree, CPV's or not, as its files say now; broken ones are passed over."""
    real = set[str]()
    for file in pointer_files(repo):
        if link_above(repo.top, file, real) is not None:
            continue
        try:
            yield from parse_pointers((repo.top / file).read_text(encoding="utf-8"), file, _pipeline(repo.top / file))
        except (CPVError, OSError, UnicodeDecodeError):
            continue


def list_pointer_files(repo: Repo, *, committing: bool = False) -> ListedFiles:
    patterns = (*POINTER_FILES, FILE, f"*/{FILE}")
    listed = repo.run(
        "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard", "--", *patterns, index=committing
    )
    # "M" marks an unmerged entry (git-ls-files(1), -t).
    rows = [(line[0], line[2:]) for line in listed.split("\0") if line]
    entries = [(tag, name) for tag, name in rows if is_pointer_file(name)]
    unmerged = {name for tag, name in entries if tag == "M"}
    tracked = [f"{tag} {name}" for tag, name in rows if tag != "?"]
    settings = [name for _, name in rows if posixpath.basename(name) == FILE]
    return ListedFiles(sorted({name for _, name in entries}), unmerged, tracked, settings)


def read_pointers(
    repo: Repo,
    file: str,
    index: Index,
    known: Known,
    now: int,
    real: set[str],
) -> list[Pointer] | None:
    """The pointers in a file; None where the user has deleted it from the disk. `real`: see `link_above`."""
    path = repo.top / file
    if path.is_symlink():
        raise CPVError("a pointer that is a symbolic link", where=file, fix=f"git rm --cached {git_word(file)}")
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if (link := link_above(repo.top, file, real)) is not None:
        from cpv_hooks.worktree.behind_links import behind_link

        raise behind_link(repo.top, file, link)
    if not stat.S_ISREG(status.st_mode):
        raise CPVError("not a regular file", where=file, fix=f"mv {git_word(file)} to another place")
    sig = signature(status)
    pipeline = _pipeline(path)
    if file in known and pipeline is None and known[file][0] == sig and newest_time(sig) < known[file][1]:
        index.pointers[file] = known[file]
        return known[file][2]
    if status.st_size > MAX_BYTES:
        raise CPVError(f"pointer larger than {MAX_BYTES} bytes", where=file, fix=f"git checkout -- {git_word(file)}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CPVError("not UTF-8", where=file, fix=f"git checkout -- {git_word(file)}") from None
    pointers = parse_pointers(text, file, pipeline)
    index.pointers[file] = (sig, now, pointers)
    return pointers


def _pipeline(path: Path) -> str | None:
    """The `dvc.yaml` beside a `dvc.lock`."""
    if path.name != "dvc.lock" or not path.with_name("dvc.yaml").is_file():
        return None
    try:
        return path.with_name("dvc.yaml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
