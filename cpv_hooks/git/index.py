"""Git's index: putting pointers (and nothing else of the user's) into the commit under way."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.dvcformat.pointer import Pointer, is_pointer_file
from cpv_hooks.errors import CPVError
from cpv_hooks.git.gitignore import file_for
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import make_folder, write_atomic


@contextmanager
def scratch_index(path: Path, source: Path) -> Iterator[dict[str, str]]:
    """An index of CPV's own for the length of a block, a copy of another one where that exists; gives what names it.

    The caller is the only one who works on it, so a lock that a killed Git left there is nobody's.
    """
    lock = path.with_name(f"{path.name}.lock")
    make_folder(path.parent)
    lock.unlink(missing_ok=True)
    try:
        if source.exists():
            status = source.stat()
            write_atomic(path, source.read_bytes())  # with its stat signatures
            # Git reads a file again that changed no earlier than the index was written, in whole seconds
            # (Documentation/technical/racy-git): a copy that looks younger would hide a change of the same size.
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        yield {"GIT_INDEX_FILE": str(path)}
    finally:
        path.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)


def literal(paths: Iterable[object]) -> list[str]:
    """Pathspecs that mean just these paths."""
    return [f":(literal){path}" for path in paths]


class Staged(NamedTuple):
    """In what the index of the commit under way differs from HEAD: `added` path -> object id, `removed`, and `changed`,
    which holds all such paths."""

    changed: frozenset[str]
    added: Mapping[str, str]
    removed: frozenset[str]


def staged(repo: Repo) -> Staged:
    """Compare the index of the commit under way with HEAD; before the first commit all in it is added."""
    try:
        fields = repo.run("diff-index", "--cached", "--no-renames", "-z", "HEAD", index=True).split("\0")
    except CPVError:
        if repo.resolve("HEAD") is not None:
            raise
        rows = (line.partition("\t") for line in repo.run("ls-files", "-s", "-z", index=True).split("\0") if line)
        added = {path: head.split()[1] for head, _, path in rows}
        return Staged(frozenset(added), added, frozenset())
    heads = {path: head.split() for head, path in zip(fields[0::2], fields[1::2], strict=False) if head}
    # `:MODE MODE OID OID STATUS` (git-diff-index(1), raw output).
    added = {path: head[3] for path, head in heads.items() if head[4] == "A"}
    return Staged(frozenset(heads), added, frozenset(path for path, head in heads.items() if head[4] == "D"))


def unstaged(repo: Repo, files: Sequence[str], before: Staged) -> dict[str, bool]:
    """Those of the pointer files that differ from the index of the commit under way; of each whether it is new there.

    One that HEAD has and the index has not was taken out by the user (`git rm --cached`), and stays out.
    """
    if not files:
        return {}
    listed = repo.run("ls-files", "-z", "-t", "--modified", "--others", "--", *literal(files), index=True)
    is_new = {row[2:]: row[0] == "?" for row in listed.split("\0") if row}
    found = is_new.keys() - before.removed
    return {file: is_new[file] for file in files if file in found and (repo.top / file).exists()}


def stage(repo: Repo, files: Mapping[str, bool], pointers: Sequence[Pointer]) -> list[Pointer]:
    """Stage pointer files as they stand, and for a new one the line of `.gitignore` that hides its artifact.

    `files` as `unstaged` has them. Returns the new ones.
    """
    repo.run("update-index", "--add", "-z", "--stdin", input="".join(f"{file}\0" for file in files), index=True)
    new = [pointer for pointer in pointers if files.get(pointer.file)]
    for name in sorted({file_for(pointer.path) for pointer in new}):
        _stage_ignore_lines(repo, name, [pointer.path for pointer in new if file_for(pointer.path) == name])
    return new


def _stage_ignore_lines(repo: Repo, name: str, artifacts: Sequence[str]) -> None:
    """Stage only our own lines of a `.gitignore`; what else the user changed there stays unstaged."""
    path = repo.top / name
    if not path.is_file():
        return
    ours = {f"/{os.path.basename(artifact)}".replace("\\", "") for artifact in artifacts}
    working = path.read_text(encoding="utf-8", errors="surrogateescape")
    staged = index_text(repo, name) or ""
    missing = [
        line for line in working.splitlines() if line.replace("\\", "") in ours and line not in staged.splitlines()
    ]
    if not missing:
        return
    gap = "" if not staged or staged.endswith("\n") else "\n"
    stage_text(repo, name, staged + gap + "".join(f"{line}\n" for line in missing))


def index_text(repo: Repo, name: str) -> str | None:
    """What the index of the commit under way holds of a text file; None where it has no such file."""
    entry = repo.run("ls-files", "-s", "--", f":(literal){name}", index=True).split()
    return repo.run("cat-file", "blob", entry[1]) if entry else None


def stage_text(repo: Repo, name: str, text: str) -> None:
    """Let the index of the commit under way hold this text of a file, whatever the work tree has."""
    entry = repo.run("ls-files", "-s", "--", f":(literal){name}", index=True).split()
    blob = repo.run("hash-object", "-w", "--stdin", input=text).strip()
    repo.run("update-index", "--add", "--cacheinfo", f"{entry[0] if entry else '100644'},{blob},{name}", index=True)


def is_limited_commit() -> bool:
    """Whether this is `git commit -- PATH`, which commits from an index of its own."""
    return os.path.basename(os.environ.get("GIT_INDEX_FILE", "")).startswith("next-index-")


def keep_tracked(repo: Repo, files: Sequence[str]) -> None:
    """Put files back that Git took out of the index of the commit under way alone, as they are in its own index."""
    own, taken = index_entries(repo, files), index_entries(repo, files, committing=True)
    entries = {file: entry for file, entry in own.items() if file not in taken}
    set_index_entries(repo, entries, committing=True)
    if is_limited_commit():
        restage_later(repo, entries)


def restage_later(repo: Repo, files: Iterable[str] = ()) -> None:
    """Let post-commit mend Git's own index after a path-limited commit; it lacks these files."""
    mark = repo.state / state_files.RESTAGE
    write_atomic(mark, os.fsencode("\0".join([*_to_restage(mark), *files])))


def _to_restage(mark: Path) -> list[str]:
    try:
        return list(filter(None, os.fsdecode(state_files.read_bytes(mark)).split("\0")))
    except OSError:
        return []


def repair_after_limited_commit(repo: Repo) -> None:
    """After `git commit -- PATH`: a pointer that a hook staged is in the commit, but the real index kept the old one.

    Entries that still say what the parent said are moved on to what the new commit says.
    """
    lacking = _to_restage(repo.state / state_files.RESTAGE)
    if absent := set(lacking).difference(index_entries(repo, lacking)):
        repo.run("reset", "-q", "HEAD", "--", *literal(sorted(absent)), check=False)
    if repo.resolve("HEAD^") is None:
        return
    changed = repo.run("diff-tree", "-r", "-z", "--no-commit-id", "HEAD^", "HEAD").split("\0")
    for head, name in zip(changed[0::2], changed[1::2], strict=False):
        if not head or not is_pointer_file(name):
            continue
        _, new_mode, old, new, status = head.lstrip(":").split()
        entry = repo.run("ls-files", "-s", "--", f":(literal){name}").split()
        if status == "M" and entry and entry[1] == old:
            repo.run("update-index", "--cacheinfo", f"{new_mode},{new},{name}")
        elif status == "A" and not entry:
            repo.run("update-index", "--add", "--cacheinfo", f"{new_mode},{new},{name}")


def large_files(repo: Repo, before: Staged, limit: int) -> list[tuple[str, int]]:
    """Files newly added to the index that are larger than `limit` bytes and not text: path and size."""
    sizes = repo.batch_check(list(before.added.values()), "%(objectsize)")
    added = ((name, int(size or 0)) for name, size in zip(before.added, sizes, strict=True))
    return [(name, size) for name, size in added if size > limit and _is_binary(repo, name)]


def _is_binary(repo: Repo, name: str) -> bool:
    """Git's own test: a NUL in the first 8000 bytes."""
    try:
        with open(repo.top / name, "rb") as stream:
            return b"\0" in stream.read(8000)
    except OSError:
        return False


def index_entries(repo: Repo, paths: Sequence[str], *, committing: bool = False) -> dict[str, str]:
    """The index entries of these paths, `MODE OID` by path; with `committing` those of the commit under way."""
    if not paths:
        return {}
    listed = repo.run("ls-files", "-s", "-z", "--", *literal(paths), index=committing).split("\0")
    rows = (line.partition("\t") for line in listed if line)
    return {path: " ".join(head.split()[:2]) for head, _, path in rows}


def set_index_entries(
    repo: Repo, values: Mapping[str, str | None], env: Mapping[str, str] | None = None, *, committing: bool = False
) -> None:
    """Write index entries, `MODE OID` by path; None takes the path out. `env` names an index of our own, `committing`
    means that of the commit under way."""
    if values:
        rows = (f"{value or f'0 {repo.null_oid}'}\t{path}\0" for path, value in values.items())
        repo.run("update-index", "-z", "--index-info", input="".join(rows), env=env, index=committing)
