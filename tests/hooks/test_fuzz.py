"""The parsers of what a repository, a user or a remote may hold: any text at all gives a result or one `CPVError`.

`CPV_FUZZ_EXAMPLES` sets how many texts each parser gets (the long form: 20000).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid, parse_dir_object
from cpv_hooks.dvcformat.pointer import parse_pointers
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.metric_formats import metrics
from cpv_hooks.project import config
from cpv_hooks.project.config_file import load_config
from cpv_hooks.project.tag_schemes import SCHEMES, Line, builtin
from cpv_hooks.recovery import journal_file
from cpv_hooks.recovery.transaction import recover
from cpv_hooks.versions.checkpoint import Checkpoint, CheckpointArtifact
from cpv_hooks.versions.tag_message import parse_tag_message, write_tag_message
from support.shell import Shell

EXAMPLES = int(os.environ.get("CPV_FUZZ_EXAMPLES", "80"))
pytestmark = pytest.mark.timeout(300 + EXAMPLES)
fuzz = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

OID = st.from_regex(r"[0-9a-f]{32}(\.dir)?", fullmatch=True)
NASTY = st.sampled_from(
    [
        "../up",
        "/abs",
        "a/../../b",
        ".git/config",
        "a/.git/hooks",
        ".dvc/config",
        "-rf",
        "a\nb",
        "a\0b",
        "\x1b[31m",
        "~",
        "",
    ]
)
PATH = st.one_of(NASTY, st.text(min_size=1, max_size=30))
SCALAR = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@pytest.fixture
def undoable(shell: Shell) -> Repo:
    """A repository whose journals may say anything."""
    shell.git("init", "-q")
    shell.write("a.txt", "one\n")
    shell.git("add", "-A")
    shell.git("commit", "-qm", "first")
    return Repo.discover(shell.path)


def one_line(error: CPVError) -> None:
    assert "\n" not in str(error)
    assert error.fix, str(error)


# Pointers


@fuzz
@given(st.text(max_size=300))
@example("outs:\n- md5: [\n")
@example("outs: !!python/object/apply:os.system ['touch owned']\n")
@example("&a [*a]")
@example("\ud800")
def test_any_text_is_a_pointer_file_or_an_error(text: str) -> None:
    for file in ("x.dvc", "dvc.lock"):
        try:
            found = parse_pointers(text, file)
        except CPVError as error:
            one_line(error)
        else:
            assert isinstance(found, list)


@fuzz
@given(
    path=PATH,
    oid=st.one_of(OID, st.text(max_size=40), SCALAR),
    size=st.one_of(st.integers(), SCALAR),
    rest=st.dictionaries(st.text(max_size=8), VALUE, max_size=3),
)
def test_a_pointer_that_is_believed_stays_inside(path: str, oid: Any, size: Any, rest: dict[str, Any]) -> None:
    text = json.dumps({**rest, "outs": [{"md5": oid, "size": size, "hash": "md5", "path": path}]})
    try:
        found = parse_pointers(text, "folder/x.dvc")
    except CPVError as error:
        one_line(error)
        return
    for pointer in found:
        parts = PurePosixPath(pointer.path).parts
        assert not PurePosixPath(pointer.path).is_absolute()
        assert not {"..", ".git", ".dvc"} & {part.lower() for part in parts}, pointer.path
        assert "\0" not in pointer.path
        assert pointer.oid is None or all(char in "0123456789abcdef.dir" for char in pointer.oid)


# Directory objects


@fuzz
@given(st.binary(max_size=300))
@example(b"[" * 100_000)
def test_any_bytes_are_a_directory_object_or_an_error(data: bytes) -> None:
    try:
        parse_dir_object(data, "0" * 32 + ".dir")
    except CPVError as error:
        one_line(error)


@fuzz
@given(st.lists(st.tuples(PATH, st.one_of(OID, st.text(max_size=40))), max_size=5))
def test_a_directory_object_that_is_believed_stays_inside(entries: list[tuple[str, str]]) -> None:
    data = json.dumps([{"md5": oid, "relpath": relpath} for relpath, oid in entries]).encode()
    try:
        found = parse_dir_object(data, dir_oid(data))
    except CPVError as error:
        one_line(error)
        return
    for relpath, oid in found:
        assert not relpath.startswith("/")
        assert not {"", ".", ".."} & set(relpath.split("/"))
        assert len(oid) == 32
    assert parse_dir_object(dir_object_bytes(found), "again") == sorted(found)


# Settings


@fuzz
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
@example(b"[artifacts]\nmodel = ['../x']\n")
@example(b"a = " + b"[" * 3000)
@example(b"[status]\nhash_budget = " + b"9" * 5000)
def test_any_bytes_are_settings_or_an_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, config.FILE).write_bytes(data)
        try:
            load_config(Path(folder))
        except CPVError as error:
            one_line(error)


KEYS = st.sampled_from(
    ["team", "scheme", "on_commit", "when", "stage", "one_shot", "live", "hash_budget", "model", "x"]
)


@fuzz
@given(st.sampled_from(["cpv", "tags", "push", "commit", "status", "artifacts", "else"]), KEYS, VALUE)
def test_any_value_of_a_setting_is_one_or_an_error(section: str, key: str, value: Any) -> None:
    try:
        text = f"[{section}]\n{key} = {json.dumps(value)}\n".encode()
    except ValueError:
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, config.FILE).write_bytes(text)
        try:
            found = load_config(Path(folder))
        except CPVError as error:
            one_line(error)
        else:
            for patterns in found.artifacts.values():
                assert not any(".." in PurePosixPath(item).parts or item.startswith("/") for item in patterns)


# Tag names and messages


@pytest.mark.parametrize("name", SCHEMES)
@fuzz
@given(tag=st.one_of(st.text(max_size=40), st.from_regex(r"(data-|model@|data@)?v?\d+(\.\d+){0,3}.{0,3}")))
def test_any_text_is_a_version_or_none(name: str, tag: str) -> None:
    scheme = builtin(name, config.Config())
    assert scheme is not None
    for line in Line:
        version = scheme.parse(line, tag)
        scheme.is_ours(line, tag)
        if version is not None:
            assert scheme.format(line, version) == tag
            assert scheme.next(version) > version
            assert scheme.is_ours(line, tag)


@fuzz
@given(st.text(max_size=300))
@example('v0.1: x\n\nCpv-Line: model\nCpv-Metric: =1\nCpv-Artifact: kind=model path="\\ud800"\n')
@example("Cpv-Line: model\nCpv-Metric: " + "[" * 100_000)
def test_any_text_is_a_message(text: str) -> None:
    info = parse_tag_message(text)
    assert "\n" not in info.subject


@fuzz
@given(
    path=st.text(min_size=1, max_size=30).filter(lambda text: "\0" not in text),
    key=st.text(min_size=1, max_size=20),
    value=st.one_of(st.integers(-(2**62), 2**62), st.floats(allow_nan=False), st.text(max_size=20)),
    line=st.sampled_from(list(Line)),
    subject=st.text(max_size=40).map(lambda text: " ".join(text.split())),
)
def test_what_is_written_into_a_message_is_read_back(path: str, key: str, value: Any, line: Line, subject: str) -> None:
    artifact = CheckpointArtifact("model", path, "a" * 32, 5, None)
    message = write_tag_message(
        "v0.1", line, Checkpoint("c" * 40, subject, (artifact,), {key: value}, {}), None, automatic=True
    )
    found = parse_tag_message(message)
    assert (found.line, found.automatic, found.artifacts, found.metrics) == (line, True, (artifact,), {key: value})


# Journals

ACTIONS: list[dict[str, Any]] = [
    {"do": "refs", "refs": {"refs/tags/v0.1": [None, "0" * 40]}},
    {"do": "index", "entries": {"a.txt": [None, "100644 " + "0" * 40]}},
    {"do": "file", "path": "a.txt", "before": "eA==", "after": None},
    {"do": "git-file", "path": "hooks/x", "before": None, "after": "0" * 64, "mode": 493},
    {"do": "move", "from": "hooks/x", "to": "hooks/y"},
    {"do": "setting", "key": "cpv.x", "before": ["1"], "after": None},
    {"do": "commit", "branch": "refs/heads/main", "old": "0" * 40, "when": 1, "index": {"a.txt": None}},
    {"do": "checkout", "branch": None, "old": None, "new": "0" * 40},
    {"do": "artifact", "root": "", "path": "m", "before": {"oid": "0" * 32, "isexec": False}, "after": None,
     "base": None},
]  # fmt: skip


@st.composite
def actions(draw: st.DrawFn) -> Any:
    """What undoes a step, with one of its fields gone, or another than it should be."""
    action = dict(draw(st.sampled_from(ACTIONS)))
    field = draw(st.sampled_from([*action, "else"]))
    if draw(st.booleans()):
        action.pop(field, None)
    else:
        action[field] = draw(st.one_of(VALUE, NASTY, st.sampled_from(ACTIONS)))
    return draw(st.one_of(st.just(action), VALUE)) if draw(st.integers(0, 9)) == 0 else action


HEADER = {"what": "test", "started": "2026-01-01T00:00:00", "top": "", "git_dir": "", "head": None}


def read_journal(data: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            record = journal_file.read_journal(file.fileno(), Path("x.json"))
        except CPVError as error:
            one_line(error)
            return
    for path in [value for step in record.steps for action in step["undo"] for value in named(action)]:
        assert not path.startswith("/")
        assert ".." not in PurePosixPath(path).parts


def named(action: Mapping[str, Any]) -> list[str]:
    """The paths that an action of a kind that there is would touch."""
    if str(action.get("do")) not in {known["do"] for known in ACTIONS}:
        return []
    return [action[field] for field in ("path", "from", "to", "root") if field in action]


@fuzz
@given(st.binary(max_size=300))
@example(b"[" * 100_000 + b"\n")
@example(b'{"top": "\\u0000"}\n')
@example(b'{"top": 5}\n')
def test_any_bytes_are_a_journal_or_an_error(data: bytes) -> None:
    read_journal(data)
    read_journal(data + b"\n")


@fuzz
@given(header=st.one_of(st.just(HEADER), VALUE), undo=st.lists(actions(), max_size=3), rest=VALUE)
def test_any_undo_of_a_journal_is_one_or_an_error(header: Any, undo: list[Any], rest: Any) -> None:
    lines = [header, {"step": "one", "undo": undo}, *([rest] if rest is None else [])]
    read_journal("".join(json.dumps(line) + "\n" for line in lines).encode())


@fuzz
@given(undo=st.lists(actions(), min_size=1, max_size=2))
def test_a_journal_that_is_believed_is_carried_out_or_is_an_error(undoable: Repo, undo: list[Any]) -> None:
    descriptor, path = journal_file.create_journal(undoable, "test", None)
    journal_file.append_line(descriptor, {"step": "one", "undo": undo})
    os.close(descriptor)
    try:
        recover(undoable)
    except CPVError as error:
        one_line(error)
    path.unlink(missing_ok=True)


# Metrics


@fuzz
@given(st.binary(max_size=400))
@example(b'{"a": ' * 50_000)
@example(b"a=" + b"9" * 10_000)
@example(b'{"a": 1e999, "b": NaN}')
def test_any_bytes_are_metrics(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "metrics.log")
        path.write_bytes(data)
        found = metrics.last_metrics(path)
    assert len(found) <= metrics.MAX_METRICS
    assert all(isinstance(value, int | float | str) for value in found.values())
