"""What no commit has: content that is about to be replaced, and that nobody could ask for by a version."""

from __future__ import annotations

from contextlib import suppress

from cpv_hooks.dvcformat.pointer import MAX_BYTES, Content, parse_pointers
from cpv_hooks.errors import CPVError
from cpv_hooks.git.objects import objects_of
from cpv_hooks.git.repo import Repo
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.rescue_list import Rescue, record

# Where what the work tree had until now mostly is; the whole history is asked only when none of these has it.
_NEAR = ("HEAD", "HEAD@{1}", "ORIG_HEAD", "refs/stash", "MERGE_AUTOSTASH")
_AUTOSTASHES = ("rebase-merge/autostash", "rebase-apply/autostash")


def note_unsaved(artifact: Artifact, file: str, why: str) -> Rescue | None:
    """Put what stands in an artifact's place, its base, on the list of rescues where no commit's pointer names it.

    With live status a snapshot has saved it, and `git checkout -f`, `restore` or `reset --hard` has taken back the
    pointer that said so.
    """
    entry, repo = artifact.entry, artifact.space.project.repo
    if entry is None or artifact.status is None or entry.placing is not None:
        return None
    if is_committed(repo, file, artifact.path, entry):
        return None
    listing = artifact.listing if artifact.isdir else None
    size = artifact.status.st_size if listing is None else listing.size
    nfiles = None if listing is None else len(listing)
    if nfiles == 0:
        return None
    return record(repo, artifact.path, Content(entry.oid, size, nfiles, entry.isexec, entry.legacy), why=why)


def is_committed(repo: Repo, file: str, path: str, content: BaseEntry) -> bool:
    """Whether a pointer file of any commit (a stash and a young reflog entry included) names this content."""
    revs = [*_NEAR]
    for name in _AUTOSTASHES:
        with suppress(OSError):
            revs.append((repo.git_dir / name).read_text(encoding="ascii").strip())
    if any(_names(repo, f"{rev}:{file}", path, content) for rev in revs):
        return True
    log = ("log", "--format=%H", "--all", "--reflog")
    newest = repo.run(*log, "-1", f"-S{content.oid}", "--", f":(literal){file}", check=False).strip()
    if not newest:
        return False
    if any(_names(repo, f"{rev}:{file}", path, content) for rev in (newest, f"{newest}^")):
        return True
    # The hash was committed, but there by the other rule; a change of the rule alone is none that `-S` sees.
    commits = repo.run(*log, "--", f":(literal){file}", check=False).split()
    return any(_names(repo, f"{commit}:{file}", path, content) for commit in commits)


def _names(repo: Repo, blob: str, path: str, content: BaseEntry) -> bool:
    try:
        # A reflog of one entry has no second one, which is an error of Git's and not "missing".
        found = objects_of(repo).read(blob, MAX_BYTES)
        if found is None or found.data is None:
            return False
        pointers = parse_pointers(found.data.decode("utf-8"), blob.partition(":")[2])
    except (CPVError, UnicodeDecodeError):
        return False
    return any(
        (pointer.path, pointer.oid, pointer.legacy) == (path, content.oid, content.legacy) for pointer in pointers
    )
