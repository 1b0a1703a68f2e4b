"""Names that macOS and Windows take for one: a rule of text, tried without them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cpv_hooks.system.alike_names import alike, spelled_alike, tells_apart
from support import mounts
from support.odd_disk import same_name

names = some.text(some.sampled_from("aAbBüÜß\u017f\u212akK/e\u0301éİ\u0131"), min_size=1, max_size=6).map(
    lambda text: "/".join(filter(None, text.split("/"))) or "a"
)


@given(names)
def test_all_spellings_are_alike(name: str) -> None:
    for form in ("NFC", "NFD"):
        assert spelled_alike(unicodedata.normalize(form, name)) == spelled_alike(name)  # type: ignore[arg-type]
    if name.isascii():
        assert spelled_alike(name.swapcase()) == spelled_alike(name)


@given(some.lists(names, unique=True), some.lists(names, max_size=2, unique=True))
def test_what_is_left_can_stand_side_by_side(paths: list[str], there: list[str]) -> None:
    found = alike(paths, there)
    left = [path for path in dict.fromkeys((*there, *paths)) if path not in found]
    assert alike(left) == {}
    parts = {path[:at] for path in left for at in range(1, len(path) + 1) if path[at : at + 1] in ("", "/")}
    assert len({same_name(part) for part in parts}) == len(parts)
    assert all(spelled_alike(path).startswith(spelled_alike(other)) for path, other in found.items())


@pytest.mark.parametrize(
    ("paths", "there", "found"),
    [
        (["A.bin", "a.bin"], [], {"a.bin": "A.bin"}),
        (["A.bin", "a.bin"], ["a.bin"], {"A.bin": "a.bin"}),
        (["A/x", "a/y", "a-x"], [], {"a/y": "A"}),
        (["u\u0308", "ü", "Ü.bin"], [], {"ü": "u\u0308"}),
        (["a.bin", "b.bin"], [], {}),
    ],
)
def test_of_names_that_are_alike_one_is_taken(paths: list[str], there: list[str], found: dict[str, str]) -> None:
    assert alike(paths, there) == found


def test_the_disk_is_asked(tmp_path: Path) -> None:
    assert tells_apart(tmp_path / "not there yet")
    with mounts.odd(tmp_path / "folder", tmp_path / "disk", "same-names") as disk:
        (disk / "a").mkdir()
        assert not tells_apart(disk / "new/folder")
