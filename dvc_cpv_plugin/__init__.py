"""CPV's DVC face: `dvc cpv …`, how DVC comes to know it, and the Python API.

from dvc_cpv_plugin import ModelsCheckpointsManage

models = ModelsCheckpointsManage("vision", "resnet50")
tag = models.upload_model_checkpoint("runs/7/model.bin", metrics={"loss": 0.12})
weights = models.load_model(tag).model
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` takes a tenth of the start of a short command
if TYPE_CHECKING:
    from typing import Any

    from cpv_hooks.operations.download.model_artifacts import ModelArtifacts
    from cpv_hooks.operations.export.export import ExportedVersion
    from cpv_hooks.operations.info.metadata import CombinedMetadata, DataMetadata, ModelMetadata
    from cpv_hooks.runs.keep_rules import KeepBest, KeepEvery, KeepLast
    from cpv_hooks.runs.save_rules import EveryMinutes, EverySteps
    from dvc_cpv_plugin.checkpoint_run import CheckpointRun
    from dvc_cpv_plugin.combined import CombinedCheckpointsManage
    from dvc_cpv_plugin.cpv_config import CPVConfig
    from dvc_cpv_plugin.data import DataCheckpointsManage
    from dvc_cpv_plugin.errors import (
        ConfigureError,
        CPVError,
        DownloadError,
        InitError,
        ReadError,
        RetireError,
        RevertError,
        TagError,
        UploadError,
        ValidationError,
    )
    from dvc_cpv_plugin.models import ModelsCheckpointsManage

__all__ = [
    "CPVConfig",
    "CPVError",
    "CheckpointRun",
    "CombinedCheckpointsManage",
    "CombinedMetadata",
    "ConfigureError",
    "DataCheckpointsManage",
    "DataMetadata",
    "DownloadError",
    "EveryMinutes",
    "EverySteps",
    "ExportedVersion",
    "InitError",
    "KeepBest",
    "KeepEvery",
    "KeepLast",
    "ModelArtifacts",
    "ModelMetadata",
    "ModelsCheckpointsManage",
    "ReadError",
    "RetireError",
    "RevertError",
    "TagError",
    "UploadError",
    "ValidationError",
]

_MODULES = {
    "cpv_hooks.runs.keep_rules": ("KeepBest", "KeepEvery", "KeepLast"),
    "cpv_hooks.runs.save_rules": ("EveryMinutes", "EverySteps"),
    "dvc_cpv_plugin.cpv_config": ("CPVConfig",),
    "dvc_cpv_plugin.checkpoint_run": ("CheckpointRun",),
    "dvc_cpv_plugin.combined": ("CombinedCheckpointsManage",),
    "cpv_hooks.operations.info.metadata": ("CombinedMetadata", "DataMetadata", "ModelMetadata"),
    "dvc_cpv_plugin.data": ("DataCheckpointsManage",),
    "cpv_hooks.operations.export.export": ("ExportedVersion",),
    "cpv_hooks.operations.download.model_artifacts": ("ModelArtifacts",),
    "dvc_cpv_plugin.models": ("ModelsCheckpointsManage",),
}


def __getattr__(name: str) -> Any:
    # When it is asked for: every start of DVC's command line imports this package.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module = next((module for module, names in _MODULES.items() if name in names), "dvc_cpv_plugin.errors")
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)
