"""A team's repository on the real S3 server, and the three classes of the Python API for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dvc_cpv_plugin import CombinedCheckpointsManage, DataCheckpointsManage, ModelsCheckpointsManage
from support.repos import ModelRepo
from support.seaweed import Server

TEAM, MODEL = "vision", "resnet"


@dataclass(frozen=True)
class Story:
    """A repository with v0.0 and data-v0.0, its bucket, and the three classes for it."""

    repo: ModelRepo
    server: Server
    bucket: str

    @property
    def models(self) -> ModelsCheckpointsManage:
        return ModelsCheckpointsManage(TEAM, MODEL, repo_path=self.repo.path)

    @property
    def data(self) -> DataCheckpointsManage:
        return DataCheckpointsManage(TEAM, MODEL, repo_path=self.repo.path)

    @property
    def both(self) -> CombinedCheckpointsManage:
        return CombinedCheckpointsManage(TEAM, MODEL, repo_path=self.repo.path)

    def objects(self) -> set[str]:
        """The names of all objects in the bucket."""
        return set(self.server.keys(self.bucket))

    def holds(self, name: str) -> bool:
        """Whether the bucket has the content that a file of the work tree has now."""
        md5 = self.repo.md5(name)
        return f"{TEAM}/{MODEL}/files/md5/{md5[:2]}/{md5[2:]}" in self.objects()

    def file(self, name: str, content: str) -> Path:
        """A file beside the repository."""
        path = self.repo.path.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path
