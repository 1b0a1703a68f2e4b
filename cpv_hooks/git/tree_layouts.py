"""Trees of a history, of which most differ from another in ids alone: they are cut where that one was."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct
from typing import Generic, NamedTuple, TypeVar

from cpv_hooks.git.objects import Object, rows

_MOST = 1000
"""Rows; a tree that has more is no top of a repository, and its layout would be large."""
Named = tuple[tuple[bytes, bytes], ...]
"""Mode and name of each row of a tree."""
_T = TypeVar("_T")


class _Layout(NamedTuple, Generic[_T]):
    cut: Struct
    heads: tuple[bytes, ...]
    meaning: _T


class TreeLayouts(Generic[_T]):
    """What the modes and names of a tree mean to the caller is worked out once for all trees that have the same ones.

    Trees whose names and modes are equal have equal bytes but for the ids; so what lies between the ids of a tree that
    was seen is compared, and no row is searched for.
    """

    def __init__(self, look: Callable[[Named], _T]) -> None:
        self._look = look
        self._known: dict[int, _Layout[_T]] = {}

    def read(self, tree: Object) -> tuple[_T, tuple[bytes, ...]]:
        """What the names mean, and the id of each row."""
        data = tree.data or b""
        known = self._known.get(len(data))
        if known is not None:
            parts = known.cut.unpack(data)
            if parts[::2] == known.heads:
                return known.meaning, parts[1::2]
        found = rows(tree)
        meaning = self._look(tuple((mode, name) for mode, name, _ in found))
        if len(found) <= _MOST:
            heads = tuple(b"%s %s\0" % (mode, name) for mode, name, _ in found)
            cut = _struct(map(len, heads), len(tree.oid) // 2)
            # Unless the rows are not all that there is.
            if cut.size == len(data):
                self._known[len(data)] = _Layout(cut, heads, meaning)
        return meaning, tuple(oid for _, _, oid in found)


def _struct(heads: Iterable[int], width: int) -> Struct:
    return Struct("".join(f"{head}s{width}s" for head in heads))
