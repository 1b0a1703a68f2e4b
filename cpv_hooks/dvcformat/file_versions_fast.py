"""The `files:` of a large directory, read and written without YAML, of which 20,000 files take half a minute.

Only the rows that DVC itself writes, with names that YAML leaves as they are, are read or written here; everything else
is left to the YAML parser, which gives the same result.
"""

from __future__ import annotations

import re

from cpv_hooks.dvcformat.file_versions import MANY, FileVersions, Stored

_EMPTY = "\n  files: []\n"
_FULL = "\n  files:\n"
_WORD = r"[A-Za-z0-9_/][A-Za-z0-9_./+=-]*"
_ROW = re.compile(
    rf"  - relpath: ({_WORD})\n    md5: ([0-9a-f]{{32}})\n(?:    size: ([0-9]+)\n)?"
    rf"(?:    cloud:\n      ({_WORD}):\n        etag: ({_WORD})\n        version_id: ({_WORD})\n)?"
)
# What is in no number (hexadecimal, octal, exponent), so that YAML takes the word for text.
_TEXT = re.compile(r"[g-np-wyzG-NP-WYZ/]")
_HASH = re.compile(r"(?!0b[01]*\Z)[0-9a-f]*[abcdf][0-9a-f]*")
_OTHERS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def is_text(word: str) -> bool:
    """Whether YAML reads the word as text, and so writes it without quotes."""
    if _HASH.fullmatch(word):
        return True
    letters = _TEXT.search(word) is not None and word.lower() not in _OTHERS
    return letters and re.fullmatch(_WORD, word) is not None


def cut(text: str) -> tuple[str, FileVersions | None]:
    """The text of a `.dvc` file with an empty list of files, and the files; or all of it and None."""
    start = text.find(_FULL)
    if start < 0 or text.count("  - relpath: ") < MANY or text.count(_FULL) > 1 or text.count(_EMPTY):
        return text, None
    found: list[Stored] = []
    at = start + len(_FULL)
    while row := _ROW.match(text, at):
        relpath, md5, size, remote, etag, version = row.groups()
        if not all(is_text(word) for word in (relpath, md5, remote, etag, version) if word):
            return text, None
        found.append(Stored(relpath, md5, int(size) if size else None, remote, version, etag))
        at = row.end()
    # What stands behind must be another key or output: else a row has more than is read here.
    if len(found) < MANY or text.startswith(("    ", "  - "), at):
        return text, None
    return text[:start] + _EMPTY + text[at:], FileVersions(found)


def paste(text: str, files: FileVersions) -> str | None:
    """The text with these files in its empty list; None where YAML has to write them."""
    if text.count(_EMPTY) != 1:
        return None
    rows = [_row(item) for item in files]
    if None in rows:
        return None
    return text.replace(_EMPTY, _FULL + "".join(row for row in rows if row))


def _row(item: Stored) -> str | None:
    words = [item.relpath, item.oid]
    text = f"  - relpath: {item.relpath}\n    md5: {item.oid}\n"
    if item.size is not None:
        text += f"    size: {item.size}\n"
    if item.version_id:
        words += [item.remote or "", item.etag or "", item.version_id]
        text += f"    cloud:\n      {item.remote}:\n"
        text += f"        etag: {item.etag}\n        version_id: {item.version_id}\n"
    return text if _ROW.fullmatch(text) and all(map(is_text, words)) else None
