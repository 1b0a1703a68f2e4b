"""Pointer files: `.dvc` files and `dvc.lock`, read strictly.

The format is DVC 3's (`dvc.schema.SINGLE_STAGE_SCHEMA`, `LOCKFILE_SCHEMA`). What a cloned repository says is data:
a path that leaves the repository or a hash that is not a hash is refused here, once, for everyone.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cpv_hooks.dvcformat.file_versions import FileVersions, Stored, oid_of, read_cloud, read_files
from cpv_hooks.errors import CPVError, git_word
from cpv_hooks.named_tuple import NamedTuple

if TYPE_CHECKING:
    from cpv_hooks.dvcformat.pointer_fast import Fields

MAX_BYTES = 64 << 20
_OID = re.compile(r"[0-9a-f]{32}(\.dir)?")

Named = tuple[str | None, bool, bool]
"""What names content: its hash, whether it is executable, whether the hash is DVC 2's. Equal ones mean equal bytes,
except for line ends that DVC 2's leaves open."""


class Content(NamedTuple):
    """What an artifact holds: its DVC hash (`legacy`: DVC 2's), bytes in total, and number of files for a directory.

    The size is None where files that nobody has seen here belong to it.
    """

    oid: str
    size: int | None
    nfiles: int | None = None
    isexec: bool = False
    legacy: bool = False

    @property
    def named(self) -> Named:
        return self.oid, self.isexec, self.legacy


class Pointer(NamedTuple):
    """One output that a pointer file names. `file` and `path` are relative to the top of the work tree.

    `stage` marks an output of a `dvc.yaml` stage, `imported` one that `dvc update` owns, `legacy` a DVC 2 hash.
    `remote` is the DVC remote that it belongs on, None for the default one. `stored` is where its files lie on a remote
    that keeps versions, as far as the pointer says it.
    """

    file: str
    path: str
    oid: str | None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool = False
    imported: bool = False
    legacy: bool = False
    stage: bool = False
    push: bool = True
    stored: tuple[Stored, ...] = ()
    remote: str | None = None

    @property
    def isdir(self) -> bool:
        return bool(self.oid and self.oid.endswith(".dir"))

    @property
    def named(self) -> Named:
        return self.oid, self.isexec, self.legacy

    @property
    def writable(self) -> bool:
        """Whether CPV may rewrite the pointer (a stage's and an import's belong to DVC's own commands)."""
        return not (self.stage or self.imported)

    @property
    def is_pushed(self) -> bool:
        """Whether its data goes to a remote at all; DVC's `push: false` keeps it off every one."""
        return self.oid is not None and self.push

    @property
    def needs_remote(self) -> bool:
        """Whether a remote must have its data: an import has its own source."""
        return self.is_pushed and not self.imported

    def names_versions_on(self, remote: str | None) -> bool:
        """Whether it says of all its content where on a remote that keeps versions it lies (an empty folder: nowhere).

        What is not pushed, or comes from elsewhere, has no place there.
        """
        if not self.needs_remote or (self.isdir and self.nfiles == 0):
            return True
        return bool(self.stored) and all(item.version_id and item.remote == remote for item in self.stored)


POINTER_FILES = ("*.dvc", "dvc.lock", "*/dvc.lock")
"""What Git is asked for: pathspecs of which `is_pointer_file` takes all but a few."""


def is_pointer_file(name: str) -> bool:
    base = posixpath.basename(name)
    return base == "dvc.lock" or (base.endswith(".dvc") and base != ".dvc")


def parse_pointers(text: str, file: str, pipeline: str | None = None) -> list[Pointer]:
    """The pointers in the text of a pointer file.

    `pipeline` is the text of the `dvc.yaml` beside a `dvc.lock`. Raises `CPVError` for what is not YAML, has merge
    markers, or names a path outside the repository.
    """
    if len(text) > MAX_BYTES:
        raise CPVError(f"pointer larger than {MAX_BYTES} bytes", where=file, fix=f"git checkout -- {git_word(file)}")
    if file.endswith("dvc.lock") and posixpath.basename(file) == "dvc.lock":
        return list(_parse_lock(load_table(text, file), file, load_table(pipeline, file) if pipeline else None))
    from cpv_hooks.dvcformat import pointer_fast

    plain = pointer_fast.fields(text)
    if plain is not None:
        return [_plain(plain, file)]
    from cpv_hooks.dvcformat.file_versions_fast import cut

    small, files = cut(text)
    return list(_parse_single(with_files(load_table(small, file), files), file))


def _plain(found: Fields, file: str) -> Pointer:
    md5, size, nfiles, isexec, hashed, path, remote = found
    inside = _inside(posixpath.dirname(file), path, file)
    return Pointer(file, inside, md5, size, nfiles, isexec, False, not hashed, False, True, (), remote)


def with_files(table: Any, files: FileVersions | None) -> Any:
    """Put the files of a directory, which were cut out of the text, into the table that was made from the rest."""
    for out in table.get("outs") or [] if files is not None else []:
        if isinstance(out, dict) and out.get("files") == []:
            out["files"] = files
    return table


def load_table(text: str, file: str) -> Mapping[str, Any]:
    """The YAML of a pointer file or of `dvc.yaml`; `CPVError` for what is none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from cpv_hooks.dvcformat.conflict_markers import conflict_command, has_conflict

    if has_conflict(text):
        raise CPVError("has merge conflict markers", where=file, fix=conflict_command(file))
    try:
        # The parser and the mode that DVC reads pointers with.
        table = YAML(typ="safe").load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f"{file}:{mark.line + 1}" if mark else file
        raise CPVError("not YAML", where=at, fix=f"git checkout -- {git_word(file)}") from error
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise _malformed(file)
    return table


def _malformed(file: str, what: str = "not a DVC pointer") -> CPVError:
    return CPVError(what, where=file, fix=f"git checkout -- {git_word(file)}")


def _parse_single(table: Mapping[str, Any], file: str) -> Iterator[Pointer]:
    outs = table.get("outs")
    if not isinstance(outs, list) or not outs:
        raise _malformed(file)
    imported = bool(table.get("deps"))
    for out in outs:
        pointer = _parse_out(out, file, str(table.get("wdir") or "."), imported=imported)
        if pointer:
            yield pointer


def _parse_lock(table: Mapping[str, Any], file: str, pipeline: Mapping[str, Any] | None) -> Iterator[Pointer]:
    from cpv_hooks.dvcformat.pipeline_stages import flags_of_output, stage_flags, stage_of

    stages = table.get("stages") or {}
    if not isinstance(stages, dict):
        raise _malformed(file, "not a DVC lock file")
    for name, stage in stages.items():
        known = stage_of(pipeline, str(name))
        if known is None or not isinstance(stage, dict):
            continue
        flags = stage_flags(known)
        for out in stage.get("outs") or []:
            # What `dvc.yaml` says of an output, DVC does not write into the lock.
            said = flags_of_output(flags, out)
            pointer = _parse_out(out, file, str(known.get("wdir") or "."), stage=True, said=said)
            if pointer and said.get("cache") is not False:
                yield pointer


def _parse_out(
    out: object,
    file: str,
    wdir: str,
    *,
    imported: bool = False,
    stage: bool = False,
    said: Mapping[str, Any] | None = None,
) -> Pointer | None:
    if not isinstance(out, dict) or not isinstance(out.get("path"), str):
        raise _malformed(file)
    if out.get("cache") is False:
        return None
    oid = out.get("md5")
    if oid is not None and (not isinstance(oid, str) or not _OID.fullmatch(oid)):
        raise _malformed(file, f"md5 is not a DVC hash: {str(oid)[:40]!r}")
    flags = out if said is None else said
    remote = flags.get("remote") or None
    if remote is not None and not isinstance(remote, str):
        raise _malformed(file, f"remote is not the name of a DVC remote: {str(remote)[:40]!r}")
    size, nfiles = out.get("size"), out.get("nfiles")
    stored: tuple[Stored, ...] = read_cloud(out, oid) if oid and not oid.endswith(".dir") else ()
    if isinstance(out.get("files"), list) and (oid is None or oid.endswith(".dir")):
        stored = read_files(out["files"], file)
        if stored or not out["files"]:
            oid, nfiles, size = oid_of(stored), len(stored), sum(item.size or 0 for item in stored)
    return Pointer(
        file=file,
        path=_inside(posixpath.join(posixpath.dirname(file), wdir), out["path"], file),
        oid=oid,
        size=size if isinstance(size, int) else None,
        nfiles=nfiles if isinstance(nfiles, int) else None,
        isexec=out.get("isexec") is True,
        imported=imported,
        legacy=oid is not None and "hash" not in out,
        stage=stage,
        push=flags.get("push") is not False,
        stored=stored,
        remote=remote,
    )


@lru_cache(maxsize=4096)
def _inside(folder: str, path: str, file: str) -> str:
    """The artifact's path from the top of the work tree; refuses what lies outside or inside `.git` or `.dvc`."""
    joined = posixpath.normpath(posixpath.join(folder, path))
    parts = joined.split("/")
    is_outside = posixpath.isabs(joined) or ".." in parts or "://" in path or joined == "."
    if is_outside or any(part.lower() in (".git", ".dvc") for part in parts):
        what = f"its artifact {path!r} is {'outside the repository' if is_outside else 'inside .git or .dvc'}"
        raise CPVError(what, where=file, fix=f"git rm --cached {git_word(file)}")
    if "\n" in joined or "\0" in joined:
        raise CPVError("an artifact's name cannot hold a newline", where=file, fix="rename the artifact")
    return joined
