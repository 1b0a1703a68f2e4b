"""Bad input to the Python API: every argument of every method with the wrong type, a name that is none, no version.

One line a case: the call, the error's type, its message. After each, nothing at all has changed.
"""

from __future__ import annotations

from typing import Any

import pytest

from dvc_cpv_plugin import (
    CombinedCheckpointsManage,
    CPVConfig,
    CPVError,
    DataCheckpointsManage,
    DownloadError,
    InitError,
    ModelsCheckpointsManage,
    ReadError,
    RevertError,
    TagError,
    UploadError,
    ValidationError,
)
from support.unchanged import nothing_changes
from support.world import World

CLASSES: tuple[type[Any], ...] = (ModelsCheckpointsManage, DataCheckpointsManage, CombinedCheckpointsManage)
M, D, C = CLASSES

# (class, method, the arguments that it must have, its argument under test, what that must be)
STRING, TEXT, PATH = "a str", "a str or None", "a string or a path"
ARGUMENTS: list[tuple[type[Any], str, dict[str, object], str, str]] = [
    (M, "import_model_init", {}, "data_path", f"{PATH} or None"),
    (M, "import_model_init", {}, "remote", TEXT),
    (M, "load_model", {}, "tag", TEXT),
    (M, "upload_model_checkpoint", {}, "model_path", PATH),
    (M, "upload_model_checkpoint", {"model_path": "x"}, "metrics", "a Mapping or None"),
    (M, "upload_model_checkpoint", {"model_path": "x"}, "version_tag", TEXT),
    (M, "upload_model_checkpoint", {"model_path": "x"}, "message", TEXT),
    (M, "download_model_checkpoint", {}, "tag", TEXT),
    (M, "download_model_checkpoint", {}, "output_dir", f"{PATH} or None"),
    (M, "download_tensor", {"to": "x"}, "name", STRING),
    (M, "download_tensor", {"name": "x"}, "to", PATH),
    (M, "download_tensor", {"name": "x", "to": "x"}, "tag", TEXT),
    (M, "export_version", {}, "to", PATH),
    (M, "export_version", {"to": "x"}, "tag", TEXT),
    (M, "export_version", {"to": "x"}, "format", TEXT),
    (M, "tag_model_checkpoint", {}, "version_tag", TEXT),
    (M, "tag_model_checkpoint", {}, "message", TEXT),
    (M, "revert_model_checkpoint", {}, "tag", STRING),
    (M, "get_model_metadata", {}, "tag", TEXT),
    (M, "retire_model_checkpoints", {}, "tags", "a list or None"),
    (M, "retire_model_checkpoints", {"tags": ["v0.0"]}, "message", TEXT),
    (M, "retire_model_checkpoints", {}, "metric", TEXT),
    (M, "retire_model_checkpoints", {}, "older_than", TEXT),
    (M, "unretire_model_checkpoints", {}, "tags", "a list"),
    (M, "unretire_model_checkpoints", {"tags": ["v0.0"]}, "message", TEXT),
    (D, "import_data_init", {}, "data_path", PATH),
    (D, "upload_data_checkpoint", {}, "data_path", PATH),
    (D, "upload_data_checkpoint", {"data_path": "x"}, "version_tag", TEXT),
    (D, "upload_data_checkpoint", {"data_path": "x"}, "message", TEXT),
    (D, "download_data_checkpoint", {}, "tag", TEXT),
    (D, "download_data_checkpoint", {}, "output_dir", f"{PATH} or None"),
    (D, "tag_data_checkpoint", {}, "version_tag", TEXT),
    (D, "tag_data_checkpoint", {}, "message", TEXT),
    (D, "revert_data_checkpoint", {}, "tag", STRING),
    (D, "get_data_metadata", {}, "tag", TEXT),
    (C, "tag_model_and_data", {}, "version_tag", TEXT),
    (C, "tag_model_and_data", {}, "model_message", TEXT),
    (C, "tag_model_and_data", {}, "data_message", TEXT),
    (C, "revert_model_and_data", {}, "tag", STRING),
    (C, "get_combined_metadata", {}, "tag", TEXT),
]
METHODS: list[tuple[type[Any], str, dict[str, object]]] = [
    (M, "import_model_init", {}),
    (M, "load_model", {}),
    (M, "upload_model_checkpoint", {"model_path": "x"}),
    (M, "download_model_checkpoint", {}),
    (M, "download_tensor", {"name": "x", "to": "x"}),
    (M, "export_version", {"to": "x"}),
    (M, "tag_model_checkpoint", {}),
    (M, "read_checkpoint_tag", {}),
    (M, "revert_model_checkpoint", {"tag": "v0.0"}),
    (M, "get_model_metadata", {}),
    (M, "retire_model_checkpoints", {"tags": ["v0.0"]}),
    (M, "unretire_model_checkpoints", {"tags": ["v0.0"]}),
    (M, "read_retired_checkpoints", {}),
    (D, "import_data_init", {"data_path": "x"}),
    (D, "upload_data_checkpoint", {"data_path": "x"}),
    (D, "download_data_checkpoint", {}),
    (D, "tag_data_checkpoint", {}),
    (D, "read_data_checkpoint_tag", {}),
    (D, "revert_data_checkpoint", {"tag": "v0.0"}),
    (D, "get_data_metadata", {}),
    (C, "tag_model_and_data", {}),
    (C, "read_combined_checkpoints", {}),
    (C, "revert_model_and_data", {"tag": "v0.0"}),
    (C, "get_combined_metadata", {}),
]
OPTIONS: list[tuple[str, object, str]] = [
    ("verbose", 1, "verbose must be a bool, not 1"),
    ("dry_run", "yes", "dry_run must be a bool, not 'yes'"),
    ("force", None, "force must be a bool, not None"),
    ("notify", [], "notify must be a bool, not []"),
    ("use_cache", 0, "use_cache must be a bool, not 0"),
    ("log_file", 3, "log_file must be a string or a path or None, not 3"),
    ("repo_path", b"x", "repo_path must be a string or a path or None, not b'x'"),
    ("working_dir", ["x"], "working_dir must be a string or a path or None, not ['x']"),
]


def test_the_tables_hold_every_method() -> None:
    public = {(kind, name) for kind in CLASSES for name in dir(kind) if not name.startswith("_") and name != "show"}
    methods = {(kind, name) for kind, name in public if callable(getattr(kind, name))}
    assert methods == {(kind, name) for kind, name, _ in METHODS}


@pytest.mark.parametrize(
    ("kind", "method", "others", "name", "what"), ARGUMENTS, ids=[f"{a[1]}-{a[3]}" for a in ARGUMENTS]
)
def test_a_value_of_the_wrong_type(
    still_world: World, kind: type[Any], method: str, others: dict[str, object], name: str, what: str
) -> None:
    found = kind("vision", "resnet", repo_path=still_world.repo.path)
    wrong: list[object] = [7, b"bytes", True, {"set"}, object]
    if not what.endswith("None"):
        wrong.append(None)
    with nothing_changes(still_world.root):
        for value in wrong:
            with pytest.raises(TypeError) as caught:
                getattr(found, method)(**others, **{name: value})
            assert str(caught.value) == f"{method}(): {name} must be {what}, not {value!r}"


@pytest.mark.parametrize(("kind", "method", "arguments"), METHODS, ids=[method for _, method, _ in METHODS])
def test_an_option_of_the_wrong_type_or_an_unknown_one(
    still_world: World, kind: type[Any], method: str, arguments: dict[str, object]
) -> None:
    found = kind("vision", "resnet", repo_path=still_world.repo.path)
    with nothing_changes(still_world.root):
        for name, value, said in OPTIONS:
            with pytest.raises(TypeError) as caught:
                getattr(found, method)(**arguments, **{name: value})
            assert str(caught.value) == f"{method}(): {said}"
        with pytest.raises(TypeError) as caught:
            getattr(found, method)(**arguments, dryrun=True)
        assert str(caught.value) == f"{method}() got an unknown option 'dryrun'; did you mean 'dry_run'?"
        with pytest.raises(TypeError) as caught:
            getattr(found, method)(**arguments, zzz=True)
        assert str(caught.value).startswith(f"{method}() got an unknown option 'zzz' (known: verbose, log_file, ")


@pytest.mark.parametrize("kind", CLASSES)
def test_options_of_the_constructor(kind: type[Any]) -> None:
    for name, value, said in OPTIONS:
        with pytest.raises(TypeError) as caught:
            kind("vision", "resnet", **{name: value})
        assert str(caught.value) == f"{kind.__name__}(): {said}"
    with pytest.raises(TypeError, match=r"got an unknown option 'repo'; did you mean 'repo_path'\?"):
        kind("vision", "resnet", repo="x")


RULE = "1 to 64 letters, digits, '.', '_' or '-', not beginning with '-' or '.' nor ending with '.'"
NAMES = [
    "", " ", ".", "..", "../up", "a/b", "/abs", "a\\b", ".git", "-x", "--force", "a;b", "$(id)", "a b", "a..b", "a.",
    "a\n", "a\0b", "é", "a:b", "a~1", "x" * 65,
]  # fmt: skip


@pytest.mark.parametrize("kind", CLASSES)
def test_names_that_are_none(kind: type[Any]) -> None:
    for name in NAMES:
        for what, arguments in (("team", (name, "resnet")), ("model", ("vision", name))):
            with pytest.raises(InitError) as caught:
                kind(*arguments)
            said = f"{name!r} is not a {what} name ({RULE}); fix: dvc cpv init --{what}-name NAME"
            assert str(caught.value) == said
    wrong: list[Any] = [None, 3, b"vision", ["vision"]]
    for value in wrong:
        with pytest.raises(TypeError, match=r"\(\): team_name must be a str, not "):
            kind(value, "resnet")
        with pytest.raises(TypeError, match=r"\(\): model_name must be a str, not "):
            kind("vision", value)


@pytest.mark.parametrize("method", ["setup_aws_profile", "setup_bitbucket_ssh", "validate_credentials"])
def test_options_of_the_configuration(method: str) -> None:
    with nothing_changes():
        for name, value, said in OPTIONS:
            with pytest.raises(TypeError) as caught:
                getattr(CPVConfig(), method)(**{name: value})
            assert str(caught.value) == f"{method}(): {said}"


# Values of the right type that cannot be: what is raised, and that nothing has changed. The folder is the repository.

NEW, FLOWERS, EMPTY = "../outside/new.bin", "../outside/data", "../outside/empty"
NUL = "cannot hold a NUL character: 'a\\x00b'; fix: name a file or a folder"
NO_MODEL = "is no model version (the last ones are v0.1, v0.0); fix: git fetch --tags"
NO_DATA = "is no data version (the last ones are data-v0.0); fix: git fetch --tags"
GONE = "required-files: {repo}/gone: no such file or folder; fix: name an existing path"
UNNAMED = "{repo}: no version is named; fix: dvc cpv checkpoint list"
MESSAGE = 'the message cannot be empty; fix: --message "WHAT CHANGED", or leave it out'
NUL_MESSAGE = "the message cannot hold a NUL character; fix: leave it out"
ANOTHER, OTHER_DATA = (f"fix: name another version ({tag}), or none for the next one" for tag in ("v0.2", "data-v0.1"))
SHAPE = "is not a version of this repository (vMAJOR.MINOR); " + ANOTHER
METRIC = "is not the name of a metric (1 to 100 printable characters); fix: rename it"
VALUE = "fix: pass a finite number or a short text"
TRACKED = "is an artifact that the repository tracks; fix: dvc cpv data revert --tag data-v0.0, or name another "
VALUES: list[tuple[type[Any], str, dict[str, Any], type[CPVError], str]] = [
    (M, "load_model", {"tag": "gone"}, DownloadError, f"{{repo}}: 'gone' {NO_MODEL}"),
    (M, "load_model", {"tag": ""}, DownloadError, f"{{repo}}: '' {NO_MODEL}"),
    (M, "load_model", {"tag": "a\0b"}, DownloadError, f"{{repo}}: 'a\\x00b' {NO_MODEL}"),
    (M, "load_model", {"tag": "data-v0.0"}, DownloadError, f"{{repo}}: 'data-v0.0' {NO_MODEL}"),
    (M, "download_model_checkpoint", {"tag": "../v0.1"}, DownloadError, f"{{repo}}: '../v0.1' {NO_MODEL}"),
    (M, "download_model_checkpoint", {"output_dir": ""}, CPVError, "the path is empty; fix: name a file or a "
     "folder"),
    (M, "download_model_checkpoint", {"output_dir": "a\0b"}, CPVError, f"the path {NUL}"),
    (M, "upload_model_checkpoint", {"model_path": "a\0b"}, CPVError, f"the path {NUL}"),
    (M, "upload_model_checkpoint", {"model_path": "gone"}, ValidationError, GONE),
    (M, "upload_model_checkpoint", {"model_path": NEW, "metrics": {1: 2}}, UploadError, f"'1' {METRIC}"),
    (M, "upload_model_checkpoint", {"model_path": NEW, "metrics": {"": 1}}, UploadError, f"'' {METRIC}"),
    (M, "upload_model_checkpoint", {"model_path": NEW, "metrics": {"a\nb": 1}}, UploadError, f"'a\\nb' {METRIC}"),
    (M, "upload_model_checkpoint", {"model_path": NEW, "metrics": {"loss": [1]}}, UploadError, "metric loss: list is "
     f"neither a number nor a text; {VALUE}"),
    (M, "upload_model_checkpoint", {"model_path": NEW, "metrics": {"loss": None}}, UploadError, "metric loss: NoneType "
     f"is neither a number nor a text; {VALUE}"),
    (M, "upload_model_checkpoint", {"model_path": NEW, "metrics": {"loss": "x" * 201}}, UploadError, "metric loss: the "
     f"text is longer than 200 characters or not printable; {VALUE}"),
    (M, "upload_model_checkpoint", {"model_path": NEW, "message": ""}, UploadError, MESSAGE),
    (M, "upload_model_checkpoint", {"model_path": NEW, "message": " \n "}, UploadError, MESSAGE),
    (M, "upload_model_checkpoint", {"model_path": NEW, "message": "a\0b"}, UploadError, NUL_MESSAGE),
    (M, "upload_model_checkpoint", {"model_path": NEW, "version_tag": ""}, ValidationError, f"tag: '' {SHAPE}"),
    (M, "upload_model_checkpoint", {"model_path": NEW, "version_tag": "a\0b"}, ValidationError, "tag: 'a\\x00b' "
     + SHAPE),
    (M, "upload_model_checkpoint", {"model_path": NEW, "version_tag": "v0.1", "force": True}, ValidationError, "tag: "
     f"the tag v0.1 exists already; {ANOTHER}"),
    (M, "tag_model_checkpoint", {"version_tag": "v0.1"}, ValidationError, f"tag: the tag v0.1 exists already; "
     f"{ANOTHER}"),
    (M, "tag_model_checkpoint", {"version_tag": "v1.0", "message": ""}, TagError, MESSAGE),
    (M, "tag_model_checkpoint", {"version_tag": "v1.0", "message": "a\0b"}, TagError, NUL_MESSAGE),
    (M, "revert_model_checkpoint", {"tag": "gone"}, RevertError, f"{{repo}}: 'gone' {NO_MODEL}"),
    (M, "revert_model_checkpoint", {"tag": "a\0b"}, RevertError, f"{{repo}}: 'a\\x00b' {NO_MODEL}"),
    (M, "revert_model_checkpoint", {"tag": ""}, RevertError, UNNAMED),
    (M, "get_model_metadata", {"tag": "gone"}, ReadError, f"{{repo}}: 'gone' {NO_MODEL}"),
    (M, "get_model_metadata", {"tag": "a\0b"}, ReadError, f"{{repo}}: 'a\\x00b' {NO_MODEL}"),
    (M, "read_checkpoint_tag", {"repo_path": "../nowhere"}, ReadError, "{root}/nowhere: CPV does not manage this "
     "folder (no .cpv.toml); fix: dvc cpv init {root}/nowhere"),
    (M, "read_checkpoint_tag", {"repo_path": "../gone"}, ReadError, "{root}/gone: no such folder; fix: dvc cpv "
     "init {root}/gone"),
    (M, "read_checkpoint_tag", {"repo_path": "a\0b"}, CPVError, f"the repo_path {NUL}"),
    (M, "read_checkpoint_tag", {"log_file": "a\0b"}, CPVError, f"the log_file {NUL}"),
    (M, "read_checkpoint_tag", {"working_dir": "gone"}, ReadError, "{repo}/gone: no such folder; fix: name an "
     "existing folder (working_dir)"),
    (D, "upload_data_checkpoint", {"data_path": "a\0b"}, CPVError, f"the path {NUL}"),
    (D, "upload_data_checkpoint", {"data_path": EMPTY}, ValidationError, "required-files: {root}/outside/empty: no "
     "file in this folder; fix: name a folder with files"),
    (D, "upload_data_checkpoint", {"data_path": FLOWERS, "version_tag": "x"}, ValidationError, "tag: 'x' is not a "
     f"version of this repository (data-vMAJOR.MINOR); {OTHER_DATA}"),
    (D, "upload_data_checkpoint", {"data_path": FLOWERS, "message": "a\0b"}, UploadError, NUL_MESSAGE),
    (D, "import_data_init", {"data_path": "gone"}, ValidationError, GONE),
    (D, "import_data_init", {"data_path": FLOWERS}, InitError, "data/a: there is training data already; fix: "
     "dvc cpv data upload PATH (or force, which saves what is there first)"),
    (D, "download_data_checkpoint", {"tag": "v0.1"}, DownloadError, f"{{repo}}: 'v0.1' {NO_DATA}"),
    (D, "download_data_checkpoint", {"output_dir": "data"}, DownloadError, f"{{repo}}/data: {TRACKED}--output-dir"),
    (D, "tag_data_checkpoint", {"version_tag": "v0.0"}, ValidationError, "tag: the tag data-v0.0 exists already; "
     + OTHER_DATA),
    (D, "tag_data_checkpoint", {"message": "a\0b"}, TagError, NUL_MESSAGE),
    (D, "revert_data_checkpoint", {"tag": "v0.1"}, RevertError, f"{{repo}}: 'v0.1' {NO_DATA}"),
    (D, "get_data_metadata", {"tag": "gone"}, ReadError, f"{{repo}}: 'gone' {NO_DATA}"),
    (C, "tag_model_and_data", {"version_tag": ""}, ValidationError, f"tag: '' {SHAPE}"),
    (C, "tag_model_and_data", {"version_tag": "v0.0"}, ValidationError, f"tag: the tag v0.0 exists already; {ANOTHER}"),
    (C, "tag_model_and_data", {"model_message": ""}, TagError, MESSAGE),
    (C, "tag_model_and_data", {"data_message": "a\0b"}, TagError, NUL_MESSAGE),
    (C, "revert_model_and_data", {"tag": "gone"}, RevertError, f"{{repo}}: 'gone' {NO_MODEL}"),
    (C, "get_combined_metadata", {"tag": "gone"}, ReadError, f"{{repo}}: 'gone' {NO_MODEL}"),
    (C, "get_combined_metadata", {"tag": ""}, ReadError, f"{{repo}}: '' {NO_MODEL}"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "method", "arguments", "error", "said"),
    VALUES,
    ids=[f"{case[1]}-{ascii(case[2])[:60]}" for case in VALUES],
)
def test_a_value_that_cannot_be(
    still_world: World,
    kind: type[Any],
    method: str,
    arguments: dict[str, Any],
    error: type[CPVError],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(still_world.repo.path)
    with nothing_changes(still_world.root), pytest.raises(CPVError) as caught:
        getattr(kind("vision", "resnet"), method)(**arguments)
    assert (type(caught.value), str(caught.value)) == (error, still_world.told(said))
