"""DVC roots that Git's index or a commit has and the work tree has not: a sparse checkout, another branch, a deletion.

What is managed is what Git says, not what stands on the disk just now.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from cpv_hooks.console.output import say
from cpv_hooks.errors import CPVError, file_word, git_words
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.config import FILE
from cpv_hooks.project.project import Project
from cpv_hooks.system.atomic_files import write_atomic

SETTINGS = (FILE, ".dvc/config")
_NAME = "kept-by-cpv.txt"
KEEPER = f".dvc/{_NAME}"
_KEPT = (
    "DVC's cache beside this file has what is nowhere else.\n"
    "It goes when `git sparse-checkout` has this folder again.\n"
)
_UNSAVED = "An artifact beside this file could not be saved. Then: `git sparse-checkout reapply`.\n"


def left_out(repo: Repo) -> list[CPVError]:
    """What to say of each DVC root of the index whose settings are not in the work tree."""
    return [_missing(repo, prefix) for prefix in _incomplete(repo)]


def _missing(repo: Repo, prefix: str) -> CPVError:
    folder = prefix.rstrip("/") or ".dvc"
    if _is_sparse(repo):
        what = "managed by CPV, and its settings are left out by the sparse checkout"
        return CPVError(what, where=f"{prefix}.dvc", fix=f"git sparse-checkout add {file_word(folder)}")
    fix = f"git checkout -- {git_words(prefix + name for name in SETTINGS)}"
    return CPVError("managed by CPV, and its settings are deleted", where=prefix or ".", fix=fix)


def _is_sparse(repo: Repo) -> bool:
    return repo.run("config", "--type=bool", "--get", "core.sparseCheckout", check=False).strip() == "true"


def _prefixes(repo: Repo) -> list[str]:
    """The prefixes (empty, or `folder/`) of the roots in the index."""
    listed = repo.run("ls-files", "-z", "--cached", "--", FILE, f"*/{FILE}").split("\0")
    return [name.removesuffix(FILE) for name in listed if name]


def _incomplete(repo: Repo) -> list[str]:
    """Those of which the work tree lacks some settings."""
    lacking = [prefix for prefix in _prefixes(repo) if not _is_complete(repo.top / prefix)]
    return [prefix for prefix in lacking if repo.run("ls-files", "--", f":(literal){prefix}.dvc/config")]


def _is_complete(root: Path) -> bool:
    return all((root / name).is_file() for name in SETTINGS)


def bring_settings(repo: Repo) -> bool:
    """Bring back what a sparse checkout took of a root's settings while its pointers stay; whether the cache is gone.

    A cone keeps the files at the top and takes the folder `.dvc` away.
    """
    lacking = _incomplete(repo) if _is_sparse(repo) else []
    found = [prefix for prefix in lacking if has_pointers(repo, prefix)]
    for prefix in found:
        gone = bring_root(repo, prefix)
        if gone:
            keep = file_word(f"{prefix}.dvc")
            say(f"brought back {', '.join(gone)}, which CPV needs; git sparse-checkout add {keep} keeps them")
    return any(not (repo.top / prefix / ".dvc/cache").is_dir() for prefix in found)


def has_pointers(repo: Repo, prefix: str) -> bool:
    """Whether a pointer of a root stands in the work tree."""
    from cpv_hooks.git.pathspec import escaped

    listed = repo.run("ls-files", "-z", "--", f":(glob){escaped(prefix)}**/*.dvc").split("\0")
    return any((repo.top / file).is_file() for file in listed if file)


def bring_root(repo: Repo, prefix: str) -> list[str]:
    """Bring back the settings of a root that a sparse checkout took; their paths from the top."""
    settings = [f":(literal){prefix}{name}" for name in (FILE, ".dvc", ".dvcignore")]
    # "S" marks what the sparse checkout leaves out (git-ls-files(1), -t); what else is not there the user removed.
    rows = repo.run("ls-files", "-t", "-z", "--", *settings).split("\0")
    gone = [row[2:] for row in rows if row.startswith("S ") and not os.path.lexists(repo.top / row[2:])]
    for file in gone:
        write_atomic(repo.top / file, os.fsencode(repo.run("cat-file", "blob", f":{file}")))
    return gone


def keep_folder(repo: Repo, prefix: str) -> None:
    """Keep Git from removing a root's folder: it does so where a file is that it neither tracks nor ignores."""
    write_atomic(repo.top / prefix / KEEPER, _KEPT.encode())


def keep_artifacts(repo: Repo, paths: Collection[str] | None) -> list[str]:
    """Keep the folders of artifacts (None: of any) whose pointer a sparse checkout leaves out; returns them."""
    inside = None if paths is None else {os.path.dirname(os.path.relpath(repo.top / path, repo.top)) for path in paths}
    kept = [
        folder
        for folder in sorted({os.path.dirname(file) for state, file in _pointers(repo) if state == "S"})
        if (repo.top / folder).is_dir() and folder and (inside is None or any(_is_in(at, folder) for at in inside))
    ]
    for folder in kept:
        write_atomic(repo.top / folder / _NAME, _UNSAVED.encode())
    return kept


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _pointers(repo: Repo) -> list[tuple[str, str]]:
    """The pointer files of the index, each with its state (`ls-files -t`)."""
    rows = repo.run("ls-files", "-t", "-z", "--", ":(glob)**/*.dvc", ":(glob)**/dvc.lock").split("\0")
    return [(row[0], row[2:]) for row in rows if row]


def release_folders(repo: Repo) -> None:
    """Remove the files that kept folders: of artifacts, which are looked at anew, and of roots that are whole again."""
    for folder in {os.path.dirname(file) for _, file in _pointers(repo)}:
        (repo.top / folder / _NAME).unlink(missing_ok=True)
    for prefix in _prefixes(repo):
        if _is_complete(repo.top / prefix):
            (repo.top / prefix / KEEPER).unlink(missing_ok=True)


def going(repo: Repo) -> list[str]:
    """The prefixes of roots whose settings Git has just removed; it is about to remove DVC's cache as well."""
    return [prefix for prefix in _incomplete(repo) if (repo.top / prefix / ".dvc").is_dir()]


def places_left_out(repo: Repo, present: Collection[Project], known: Iterable[Path]) -> list[str]:
    """The prefixes of roots that a commit may have, and the work tree does not have now.

    `known` are roots that were at work here before.
    """
    tops = {
        os.path.relpath(root, repo.top)
        for root in known
        if root.is_relative_to(repo.top) and not root.is_relative_to(repo.git_dir)
    }
    places = {"" if top == "." else f"{top}/" for top in tops} | {"", *_incomplete(repo)}
    return sorted(places - {project.prefix for project in present})
