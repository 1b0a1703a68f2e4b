"""What a caller gets of a model version: where its files are, and its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cpv_hooks.errors import CPVError


@dataclass(frozen=True)
class ModelArtifacts:
    """The files of a model version: weights, metrics and whatever else belongs to the model, but no training data.

    `os.fspath()` of it is the model, so it can be handed to whatever opens a file: `torch.load(artifacts)`.
    """

    tag: str
    """The version's tag."""
    commit: str
    """The full id of the commit that the tag names."""
    folder: Path
    """Where the files are, each at its path relative to the DVC root."""
    model: Path | None
    """The first model artifact, a file or a folder; None only where the version has none."""
    files: Mapping[str, Path]
    """Every artifact of kind model, metrics or extra, by its path in the repository."""
    metrics: Mapping[str, int | float | str] = field(default_factory=dict)
    """The version's metrics, as its tag or its metrics file has them."""

    def __fspath__(self) -> str:
        """The model's path. Raises `CPVError` where the version has no model."""
        if self.model is None:
            what = "this version has no model artifact"
            raise CPVError(what, where=self.tag, fix='name it under [artifacts] in .cpv.toml: model = ["PATH"]')
        return str(self.model)
