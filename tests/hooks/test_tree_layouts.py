"""Trees that were cut where a tree like them was: what a search of their rows finds."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from cpv_hooks.git.objects import Object, rows
from cpv_hooks.git.tree_layouts import Named, TreeLayouts

MODES = st.sampled_from((b"100644", b"40000", b"040000", b"120000", b"160000"))
NAMES = st.sampled_from((b"a", b"b", b"aa", b"a\n", b"dvc.lock", b"m.dvc", b"\xff"))
TREES = st.lists(st.lists(st.tuples(MODES, NAMES, st.binary(min_size=20, max_size=20)), max_size=4), max_size=8)


def tree(items: list[tuple[bytes, bytes, bytes]], tail: bytes = b"") -> Object:
    return Object("0" * 40, "tree", b"".join(b"%s %s\0%s" % item for item in items) + tail)


def names(found: Named) -> Named:
    return found


@given(TREES)
def test_the_same_as_a_search_of_each(trees: list[list[tuple[bytes, bytes, bytes]]]) -> None:
    layouts = TreeLayouts(names)
    for one in map(tree, trees):
        meaning, oids = layouts.read(one)
        assert [(*head, oid) for head, oid in zip(meaning, oids, strict=True)] == rows(one)


def test_names_are_looked_at_once() -> None:
    seen: list[Named] = []

    def look(found: Named) -> int:
        seen.append(found)
        return len(seen)

    layouts = TreeLayouts(look)
    first, second = ([(b"100644", b"a", os.urandom(20)), (b"40000", b"b", os.urandom(20))] for _ in range(2))
    assert layouts.read(tree(first)) == (1, tuple(oid for *_, oid in first))
    assert layouts.read(tree(second)) == (1, tuple(oid for *_, oid in second))
    assert layouts.read(tree([(b"100644", b"c", first[0][2]), second[1]])) == (2, (first[0][2], second[1][2]))


def test_what_is_no_whole_tree_is_searched_each_time() -> None:
    layouts = TreeLayouts(names)
    damaged = tree([(b"100644", b"a", b"1" * 20)], b"100644 cut")
    for _ in range(2):
        assert layouts.read(damaged) == (((b"100644", b"a"),), (b"1" * 20,))
