"""The short way through a pointer file and YAML's say the same."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from cpv_hooks.dvcformat import pointer_fast

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
hashes = st.from_regex(r"[0-9a-f]{32}(\.dir)?", fullmatch=True) | st.sampled_from(
    ["1" * 32, "1" * 10 + "e" + "1" * 21, "0b" + "1" * 30, "0e" + "1" * 30, MD5 + ".dir"]
)
paths = st.from_regex(r"[A-Za-z0-9_./ :#'~-]{1,20}", fullmatch=True) | st.sampled_from(
    ["model.bin", "data", "null", "No", "1e5", "~", "=", "é", "1_000", "a: b", "12:30:45", "2001-12-14", "ff", "0x1f"]
)
numbers = st.integers(0, 10**17)


@st.composite
def outs(draw: st.DrawFn) -> dict[str, Any]:
    out: dict[str, Any] = {"md5": draw(hashes)}
    for name, values in {"size": numbers, "nfiles": numbers, "isexec": st.just(True), "hash": st.just("md5")}.items():
        if draw(st.booleans()):
            out[name] = draw(values)
    return {**out, "path": draw(paths)}


def by_yaml(table: dict[str, Any]) -> str:
    yaml, stream = YAML(), io.StringIO()
    yaml.default_flow_style = False
    yaml.dump(table, stream)
    return stream.getvalue()


@given(outs())
def test_it_reads_and_writes_what_yaml_does(out: dict[str, Any]) -> None:
    text = by_yaml({"outs": [out]})
    assert pointer_fast.read_plain(text) in (None, {"outs": [out]})
    assert pointer_fast.write_plain(out) in (None, text)


@given(st.text(alphabet="outs:-md5izenflhpa \n0123abc", max_size=80))
def test_what_it_reads_is_what_yaml_reads(tail: str) -> None:
    text = f"outs:\n- md5: {MD5}\n{tail}"
    found = pointer_fast.read_plain(text)
    assert found is None or found == YAML(typ="safe").load(text)


@pytest.mark.parametrize("path", ["model.bin", "data/train", "0b9f8e7d", "part-00.csv"])
def test_the_usual_is_taken(path: str) -> None:
    out = {"md5": MD5, "size": 12, "hash": "md5", "path": path}
    text = by_yaml({"outs": [out]})
    assert pointer_fast.read_plain(text) == {"outs": [out]}
    assert pointer_fast.write_plain(out) == text


@pytest.mark.parametrize(
    "text",
    [
        f"outs:\n- md5: {MD5}\n  size: 012\n  hash: md5\n  path: a\n",
        f"outs:\n- md5: {'1' * 32}\n  size: 12\n  hash: md5\n  path: a\n",
        f"outs:\n- md5: {MD5}\n  size: 12\n  hash: md5\n  path: null\n",
        f"outs:\n- md5: {MD5}\n  size: 12\n  hash: md5\n  path: a\n  desc: b\n",
        f"outs:\n- md5: {MD5}\n  size: 12\n  hash: md5\n  path: a\n- md5: {MD5}\n  path: b\n",
        f"outs:\n- md5: {MD5}\n  size: 12\n  hash: md5\n  path: a\nwdir: b\n",
        f"outs:\r\n- md5: {MD5}\r\n  path: a\r\n",
    ],
)
def test_the_unusual_is_left_to_yaml(text: str) -> None:
    assert pointer_fast.read_plain(text) is None


def test_a_remote_of_its_own() -> None:
    out = {"md5": MD5, "size": 12, "hash": "md5", "path": "model.bin", "remote": "private"}
    text = by_yaml({"outs": [out]})
    assert pointer_fast.read_plain(text) == {"outs": [out]}
    assert pointer_fast.write_plain(out) == text
    assert pointer_fast.read_plain(text.replace("private", "no")) is None, "YAML 1.1 takes it for a truth value"
