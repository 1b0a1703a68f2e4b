"""Columns of names and hashes: the same as a list of them."""

from __future__ import annotations

import hashlib
import os

import pytest

from cpv_hooks.system.columns import HashColumn, NameColumn

COUNTS = [0, 1, 2, 50, 1000]
NOT_TEXT = os.fsdecode(b"\xff")


def names_of(count: int) -> list[str]:
    """Of many lengths, with what is not ASCII and what is not UTF-8."""
    return sorted(f"{'ü' * (n % 7)}/{n:04d}{'x' * (n * 7 % 200)}{NOT_TEXT * (n % 2)}" for n in range(count))


@pytest.mark.parametrize("count", COUNTS)
def test_names_are_a_list_of_names(count: int) -> None:
    listed = names_of(count)
    names = NameColumn.of(listed)
    assert (len(names), list(names), [names[at] for at in range(count)]) == (count, listed, listed)
    assert list(names.pick(range(0, count, 3))) == listed[::3]
    assert [names.find(name) for name in listed] == list(range(count))
    assert names.find("no such name") is None
    assert names == NameColumn.of(listed) != NameColumn.of([*listed, "zzz"])
    with pytest.raises(IndexError):
        names[count]


@pytest.mark.parametrize("count", COUNTS)
def test_names_put_in_the_place_of_others(count: int) -> None:
    listed = names_of(count)
    for start, end in ((0, 0), (0, count), (count // 3, count // 2), (count, count)):
        for new in ([], ["a"], ["a", "b/c"]):
            found = NameColumn.of(listed).replaced(start, end, NameColumn.of(new))
            wanted = [*listed[:start], *new, *listed[end:]]
            assert (list(found), len(found)) == (wanted, len(wanted))


@pytest.mark.parametrize("count", [*COUNTS, 1024, 1025])
def test_hashes_are_a_list_of_hashes(count: int) -> None:
    listed = [hashlib.md5(b"%d" % number).hexdigest() for number in range(count)]
    hashes = HashColumn.of(listed)
    assert (len(hashes), list(hashes), [hashes[at] for at in range(count)]) == (count, listed, listed)
    assert hashes == HashColumn.of(listed) != HashColumn.of([*listed, "0" * 32])
    with pytest.raises(IndexError):
        hashes[count]
