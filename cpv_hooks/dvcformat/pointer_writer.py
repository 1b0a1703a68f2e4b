"""The text of pointer files, rewritten as `dvc add` and `dvc push` write it.

The layout is DVC's own (`dvc.output.Output.dumpd`); what else a text says is kept, comments included.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cpv_hooks.dvcformat import pointer_fast
from cpv_hooks.dvcformat.file_versions import FileVersions, Stored, expand_versions, oid_of, write_cloud, write_files
from cpv_hooks.dvcformat.file_versions_fast import cut, paste
from cpv_hooks.dvcformat.pointer import Content, Pointer, load_table, parse_pointers, with_files

# The order in which DVC writes an output's own keys.
_OWN_KEYS = ("md5", "size", "nfiles", "isexec", "hash")


def render_pointer(old: str | None, pointer: Pointer, content: Content, files: Sequence[Stored] | None = None) -> str:
    """The text of the pointer file for new content, byte for byte what `dvc add` writes.

    Everything else that `old` says (`meta`, `desc`, comments, other outputs) is kept. `files` are those of a directory:
    an old text that lists them goes on listing them, and what changed loses its place on the remote.
    """
    own = _own(content)
    if old is None:
        name = posixpath.relpath(pointer.path, posixpath.dirname(pointer.file) or ".")
        out = {**own, "path": name}
        return pointer_fast.write_plain(out) or _dump({"outs": [out]})
    short = _replaced(old, own)
    if short is not None:
        return short
    # DVC 2 pointers carry a checksum of the whole file, which DVC 3 keeps only for stages with dependencies.
    table = _table(old)
    out = next(item for item in table["outs"] if posixpath.normpath(str(item["path"])) == _local(table, pointer))
    if files is not None and out.get("files") is not None:
        write_files(out, files)
        return _dump(table)
    if out.get("md5") != content.oid:
        out.pop("cloud", None)
    out.pop("files", None)
    for key in _OWN_KEYS:
        if key not in own:
            out.pop(key, None)
        elif out.get(key) != own[key]:
            out[key] = own[key]
    return _dump(table)


def _replaced(old: str, own: dict[str, Any]) -> str | None:
    """The text where nothing but values changes in the simplest of layouts."""
    plain = pointer_fast.read_plain(old)
    if plain is None:
        return None
    out = plain["outs"][0]
    rest = {key: value for key, value in out.items() if key in ("path", "remote")}
    return pointer_fast.write_plain({**own, **rest}) if [*own, *rest] == list(out) else None


def render_stored(old: str, stored: Mapping[str, Sequence[Stored]], file: str, pipeline: str | None = None) -> str:
    """The text of a pointer file with the places of artifacts (by their path) on the remote, as `dvc push` writes it.

    An artifact that the text gives other content is left as it is. `pipeline` is as in `parse`.
    """
    table = _table(old)
    pointers = {pointer.path: pointer for pointer in parse_pointers(old, file, pipeline)}
    for path, out in _outputs(table, file, pipeline):
        pointer, found = pointers.get(path), stored.get(path)
        if pointer is None or not found or pointer.oid != (oid_of(found) if pointer.isdir else found[0].oid):
            continue
        if pointer.isdir:
            write_files(out, found)
        else:
            write_cloud(out, found[0])
    return _dump(table)


def _outputs(table: Any, file: str, pipeline: str | None) -> Iterator[tuple[str, Any]]:
    """The outputs in a pointer file's table, by the artifact's path."""
    if posixpath.basename(file) != "dvc.lock":
        folder = str(table.get("wdir") or ".")
        for out in table["outs"]:
            yield _joined(file, folder, out), out
        return
    from cpv_hooks.dvcformat.pipeline_stages import stage_of

    known = load_table(pipeline, file) if pipeline else None
    for name, stage in (table.get("stages") or {}).items():
        folder = str((stage_of(known, str(name)) or {}).get("wdir") or ".")
        for out in stage.get("outs") or []:
            yield _joined(file, folder, out), out


def _joined(file: str, wdir: str, out: Mapping[str, Any]) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), wdir, str(out["path"])))


def _table(text: str) -> Any:
    small, files = cut(text)
    return with_files(round_trip().load(small), files)


def round_trip() -> Any:
    """What reads and writes YAML as DVC does where it changes a file: comments and the order of keys stay."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    return yaml


def _dump(table: Any) -> str:
    many = [out for out in table.get("outs") or [] if isinstance(out.get("files"), FileVersions)]
    if len(many) == 1:
        files, many[0]["files"] = many[0]["files"], []
        text = paste(_yaml(table), files)
        if text is not None:
            return text
        many[0]["files"] = files
    for stage in [table, *(table.get("stages") or {}).values()]:
        for out in stage.get("outs") or []:
            expand_versions(out)
    return _yaml(table)


def _yaml(table: Any) -> str:
    stream = io.StringIO()
    round_trip().dump(table, stream)
    return stream.getvalue()


def _local(table: Mapping[str, Any], pointer: Pointer) -> str:
    folder = posixpath.normpath(posixpath.join(posixpath.dirname(pointer.file), str(table.get("wdir") or ".")))
    return posixpath.relpath(pointer.path, folder)


def _own(content: Content) -> dict[str, Any]:
    own: dict[str, Any] = {"md5": content.oid}
    if content.size is not None:
        own["size"] = content.size
    if content.nfiles is not None:
        own["nfiles"] = content.nfiles
    if content.isexec:
        own["isexec"] = True
    return own if content.legacy else {**own, "hash": "md5"}
