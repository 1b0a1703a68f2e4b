"""Large directories: the short way and YAML's say the same."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import pytest
from ruamel.yaml import YAML

from cpv_hooks.dvcformat.file_versions import MANY, Stored, oid_of
from cpv_hooks.dvcformat.file_versions_fast import cut, is_text
from cpv_hooks.dvcformat.pointer import Content, parse_pointers
from cpv_hooks.dvcformat.pointer_writer import render_pointer, render_stored

# Names that YAML takes for something else, or quotes, or folds.
AWKWARD = (
    "1e5", "0x1f", "123", "1_000", "true", "null", "no", "~", "2001-12-14", "0o17", "0b1", "12:30", "a b", "a: b", "#a",
    "é", "a" * 100 + " " + "b" * 100, "- a", "'a'", '"a"', "deadbee", "1.5", ".inf", ".nan", "=", "<<", "a#b", "a #b",
)  # fmt: skip
SOUND = (
    "a/1",
    "part-00.csv",
    "model.bin",
    "0b9f8e7d",
    "0e9a",
    "img_1.jpg",
    "1/2",
    "x.y+z=",
    "d41d8cd98f00b204e9800998ecf8427e",
)


def files(names: Sequence[str], *, placed: bool = True) -> list[Stored]:
    found = []
    for name in sorted(names):
        md5 = hashlib.md5(name.encode()).hexdigest()
        found.append(Stored(name, md5, len(name), *(("storage", f"{md5}-{name[:1]}x", md5) if placed else ())))
    return found


def plain(count: int = MANY) -> list[str]:
    return [f"part-{number % 7}/{number:06d}.csv" for number in range(count)]


def by_yaml(text: str) -> str:
    """The text as DVC would write it again."""
    yaml = YAML()
    yaml.default_flow_style = False
    stream = io.StringIO()
    yaml.dump(yaml.load(text), stream)
    return stream.getvalue()


def folder(found: list[Stored]) -> str:
    head = f"outs:\n- md5: {oid_of(found)}\n  size: 4\n  nfiles: {len(found)}\n"
    return head + "  hash: md5\n  path: data\n  desc: big # !\n"


def test_what_yaml_takes_for_text() -> None:
    """A word that is written as it is must come back as it was, and YAML must write it so too."""
    yaml = YAML(typ="safe")
    for word in (*AWKWARD, *SOUND):
        if is_text(word):
            assert yaml.load(f"x: {word}\n") == {"x": word}
            assert by_yaml(f"x: {word}\n") == f"x: {word}\n"
    assert [word for word in SOUND if not is_text(word)] == []


@pytest.mark.parametrize("names", [(), AWKWARD])
def test_the_same_as_by_yaml(names: tuple[str, ...]) -> None:
    """Awkward names send the whole list the long way; nobody sees a difference."""
    found = files([*plain(), *names])
    text = render_stored(folder(found), {"data": found}, "data.dvc")
    assert text == by_yaml(text)
    assert (cut(text)[1] is None) is bool(names)
    [pointer] = parse_pointers(text, "data.dvc")
    assert list(pointer.stored) == found
    assert pointer.oid == oid_of(found)
    rows = YAML(typ="safe").load(text)["outs"][0]["files"]
    assert [(row["relpath"], row["md5"]) for row in rows] == [(item.relpath, item.oid) for item in found]
    assert "# !" in text


def test_a_change_keeps_the_places_of_the_others() -> None:
    found = files(plain(MANY + 5))
    text = render_stored(folder(found), {"data": found}, "data.dvc")
    new = [Stored(item.relpath, item.oid, item.size) for item in found]
    new[3] = Stored(new[3].relpath, "f" * 31 + "0", 7)
    changed = render_pointer(
        text, parse_pointers(text, "data.dvc")[0], Content(oid_of(new), 1, nfiles=len(new)), new[:-1]
    )
    [pointer] = parse_pointers(changed, "data.dvc")
    assert list(pointer.stored) == [*found[:3], new[3], *found[4:-1]]
    assert changed == by_yaml(changed)
    small = render_pointer(changed, pointer, Content(oid_of(new[:2]), 1, nfiles=2), new[:2])
    assert list(parse_pointers(small, "data.dvc")[0].stored) == found[:2]
    assert small == by_yaml(small)


def test_rows_with_more_in_them_go_the_long_way() -> None:
    found = files(plain())
    text = render_stored(folder(found), {"data": found}, "data.dvc")
    first = f"    md5: {found[0].oid}\n    size: {found[0].size}\n"
    more = text.replace(first, first + "    isexec: true\n", 1)
    assert cut(more) == (more, None)
    assert list(parse_pointers(more, "data.dvc")[0].stored) == found
    again = render_stored(more, {"data": found}, "data.dvc")
    assert again == text


def test_keys_behind_the_list_stay() -> None:
    found = files(plain())
    text = render_stored(folder(found), {"data": found}, "data.dvc") + "  meta:\n    owner: ada\n"
    assert cut(text)[1] == found
    assert render_stored(text, {"data": found}, "data.dvc") == text
