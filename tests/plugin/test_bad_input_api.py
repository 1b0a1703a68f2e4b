"""Bad input to the Python API: every argument of every method with the wrong type, a name that is none, no version.

One line a case: the call, the error's type, its message. After each, nothing at all has changed.
"""

from __future__ import annotations

from typing import Any

import pytest

from dvc_cpv_plugin import CombinedCheckpointsManage, DataCheckpointsManage, InitError, ModelsCheckpointsManage
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
    (M, "tag_model_checkpoint", {}, "version_tag", TEXT),
    (M, "tag_model_checkpoint", {}, "message", TEXT),
    (M, "revert_model_checkpoint", {}, "tag", STRING),
    (M, "get_model_metadata", {}, "tag", TEXT),
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
    (M, "tag_model_checkpoint", {}),
    (M, "read_checkpoint_tag", {}),
    (M, "revert_model_checkpoint", {"tag": "v0.0"}),
    (M, "get_model_metadata", {}),
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
    world: World, kind: type[Any], method: str, others: dict[str, object], name: str, what: str
) -> None:
    found = kind("vision", "resnet", repo_path=world.repo.path)
    wrong: list[object] = [7, b"bytes", True, {"set"}, object]
    if not what.endswith("None"):
        wrong.append(None)
    with nothing_changes(world.root):
        for value in wrong:
            with pytest.raises(TypeError) as caught:
                getattr(found, method)(**others, **{name: value})
            assert str(caught.value) == f"{method}(): {name} must be {what}, not {value!r}"


@pytest.mark.parametrize(("kind", "method", "arguments"), METHODS, ids=[method for _, method, _ in METHODS])
def test_an_option_of_the_wrong_type_or_an_unknown_one(
    world: World, kind: type[Any], method: str, arguments: dict[str, object]
) -> None:
    found = kind("vision", "resnet", repo_path=world.repo.path)
    with nothing_changes(world.root):
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
            said = f"{name!r} is not a {what} name ({RULE}); to mend it: dvc cpv init --{what}-name NAME"
            assert str(caught.value) == said
    wrong: list[Any] = [None, 3, b"vision", ["vision"]]
    for value in wrong:
        with pytest.raises(TypeError, match=r"\(\): team_name must be a str, not "):
            kind(value, "resnet")
        with pytest.raises(TypeError, match=r"\(\): model_name must be a str, not "):
            kind("vision", value)
