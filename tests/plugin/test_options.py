"""The common options, the errors, and the names that the package exports."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import pytest

import dvc_cpv_plugin
from dvc_cpv_plugin import CombinedCheckpointsManage, CPVError, DataCheckpointsManage, ModelsCheckpointsManage
from dvc_cpv_plugin.errors import UploadError, raised_as
from dvc_cpv_plugin.options import COMMON, CommonOptions, OperationOptions, read_options

CLASSES = (ModelsCheckpointsManage, DataCheckpointsManage, CombinedCheckpointsManage)
METHODS = [
    (kind, name)
    for kind in CLASSES
    for name, value in vars(kind).items()
    if inspect.isfunction(value) and not name.startswith("_")
]
ARGUMENTS: dict[str, tuple[object, ...]] = {
    "upload_model_checkpoint": ("model.bin",),
    "download_tensor": ("layer.weight", "weight.safetensors"),
    "export_version": ("release",),
    "revert_model_checkpoint": ("v0.0",),
    "unretire_model_checkpoints": (["v0.0"],),
    "import_data_init": ("data",),
    "upload_data_checkpoint": ("data",),
    "revert_data_checkpoint": ("data-v0.0",),
    "revert_model_and_data": ("v0.0",),
}


def test_the_options_are_those_of_the_specification() -> None:
    expected = ("verbose", "log_file", "dry_run", "force", "notify", "use_cache", "repo_path", "working_dir")
    assert expected == COMMON
    assert set(typing.get_type_hints(CommonOptions)) == set(COMMON)
    assert OperationOptions() == OperationOptions(
        verbose=False, log_file=None, dry_run=False, force=False, notify=False, use_cache=True, repo_path=None,
        working_dir=None,
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), METHODS, ids=[name for _, name in METHODS])
def test_every_method_names_the_nearest_option(kind: type[Any], name: str) -> None:
    method = getattr(kind("vision", "resnet"), name)
    with pytest.raises(TypeError, match=rf"{name}\(\) got an unknown option 'dryrun'; did you mean 'dry_run'\?"):
        method(*ARGUMENTS.get(name, ()), dryrun=True)


@pytest.mark.parametrize(("kind", "name"), METHODS, ids=[name for _, name in METHODS])
def test_every_method_refuses_an_option_of_the_wrong_type(kind: type[Any], name: str) -> None:
    method = getattr(kind("vision", "resnet"), name)
    for option in COMMON:
        with pytest.raises(TypeError, match=rf"{name}\(\): {option} must be a .*, not 7"):
            method(*ARGUMENTS.get(name, ()), **{option: 7})


def test_an_unknown_option_that_is_near_to_none_lists_them_all() -> None:
    with pytest.raises(TypeError, match=r"unknown option 'zzz' \(known: verbose, log_file, .*working_dir\)"):
        read_options("method", {"zzz": 1}, defaults=OperationOptions())


def test_a_call_wins_over_the_constructor(tmp_path: Path) -> None:
    models = ModelsCheckpointsManage("vision", "resnet", dry_run=True, working_dir=tmp_path)
    assert models.options == OperationOptions(dry_run=True, working_dir=tmp_path)
    merged = models._options("method", {"dry_run": False, "repo_path": "~/x"})
    assert merged == OperationOptions(working_dir=tmp_path, repo_path=Path.home() / "x")
    assert merged.folder == tmp_path
    assert merged.path("a/../b") == tmp_path / "b"


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("", "resnet"), "'' is not a team name"),
        (("vision", "../resnet"), "'../resnet' is not a model name"),
        (("vision", "-resnet"), "'-resnet' is not a model name"),
        (("vi sion", "resnet"), "'vi sion' is not a team name"),
        (("vision", "a;b"), "'a;b' is not a model name"),
        (("vision", "a\nb"), "is not a model name"),
    ],
)
def test_names_are_checked_at_once(kind: type[Any], names: tuple[str, str], message: str) -> None:
    with pytest.raises(dvc_cpv_plugin.InitError, match=message):
        kind(*names)


@pytest.mark.parametrize("kind", CLASSES)
def test_names_are_strings(kind: type[Any]) -> None:
    with pytest.raises(TypeError, match="team_name must be a str, not 3"):
        kind(3, "resnet")
    with pytest.raises(TypeError, match="model_name must be a str, not None"):
        kind("vision", None)


def test_errors_keep_their_parts() -> None:
    with pytest.raises(UploadError) as caught, raised_as(UploadError):
        raise CPVError("what", where="where", fix="fix")
    assert (caught.value.what, caught.value.where, caught.value.fix) == ("what", "where", "fix")
    with pytest.raises(UploadError, match="no space left on the disk"), raised_as(UploadError):
        raise OSError(28, "No space left on device", "/full")
    with pytest.raises(ZeroDivisionError), raised_as(UploadError):
        _ = 1 / 0


def test_what_is_exported() -> None:
    assert sorted(dvc_cpv_plugin.__all__) == dir(dvc_cpv_plugin)
    for name in dvc_cpv_plugin.__all__:
        assert getattr(dvc_cpv_plugin, name).__name__ == name
    errors = [name for name in dvc_cpv_plugin.__all__ if name.endswith("Error")]
    assert all(issubclass(getattr(dvc_cpv_plugin, name), CPVError) for name in errors)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = dvc_cpv_plugin.Nothing


def test_the_package_imports_nothing_heavy() -> None:
    heavy = "{'dvc', 'boto3', 'ruamel', 'rich', 'pydantic'}"
    code = f"import sys, dvc_cpv_plugin; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
