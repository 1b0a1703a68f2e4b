"""`DataCheckpointsManage`: training data's checkpoints from Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from cpv_hooks.project.tag_schemes import Line
from dvc_cpv_plugin.checkpoints import Checkpoints
from dvc_cpv_plugin.errors import InitError
from dvc_cpv_plugin.options import UPLOAD, CommonOptions, DownloadOptions, UploadOptions

if TYPE_CHECKING:
    from cpv_hooks.operations.info.metadata import DataMetadata

_LINES = (Line.DATA,)


class DataCheckpointsManage(Checkpoints):
    """The checkpoints of the training data of `model_name` of `team_name`; see `ModelsCheckpointsManage`."""

    def import_data_init(self, data_path: str, **kwargs: Unpack[UploadOptions]) -> None:
        """Make a folder or file the training data of a repository that has none yet, as its first data checkpoint.

        Existing data is replaced only with `force`, and only after its content was saved. Raises `InitError`.
        """
        from cpv_hooks.setup.init.skeleton import refuse_existing_data

        options = self._options("import_data_init", kwargs, UPLOAD, needs={"data_path": data_path})
        self._upload(Line.DATA, options, data_path, kwargs, refuse=refuse_existing_data, error=InitError)

    def upload_data_checkpoint(self, data_path: str, **kwargs: Unpack[UploadOptions]) -> str:
        """Make a folder or file the training data's next checkpoint and return its tag.

        It replaces the current data, whose content is saved first; then it is uploaded, verified, committed and tagged:
        all or nothing. Raises `UploadError`.
        """
        options = self._options("upload_data_checkpoint", kwargs, UPLOAD, needs={"data_path": data_path})
        return self._upload(Line.DATA, options, data_path, kwargs)

    def download_data_checkpoint(self, tag: str | None = None, **kwargs: Unpack[DownloadOptions]) -> str:
        """Write a version's data (the highest by default) to `output_dir` and return where it is.

        The default folder is `MODEL-TAG` in the working directory. Raises `DownloadError`.
        """
        from cpv_hooks.operations.download.download import plan_download_data

        options = self._options("download_data_checkpoint", kwargs, {"output_dir": Path}, tag=tag)
        return str(self._download(options, Line.DATA, plan_download_data, tag, kwargs))

    def tag_data_checkpoint(
        self, version_tag: str | None = None, message: str | None = None, **kwargs: Unpack[CommonOptions]
    ) -> str:
        """Tag the data as it is now: what changed is saved, uploaded and committed first. Returns the tag.

        Without `version_tag` it gets the number after the highest: data-v0.1, data-v0.2 … Raises `TagError`.
        """
        options = self._options("tag_data_checkpoint", kwargs, version_tag=version_tag, message=message)
        return self._tag("data tag", options, _LINES, version_tag, {Line.DATA: message})[0]

    def read_data_checkpoint_tag(self, **kwargs: Unpack[CommonOptions]) -> list[str]:
        """The data's tags, lowest version first. Raises `ReadError`."""
        return self._tags("data list-tags", self._options("read_data_checkpoint_tag", kwargs), Line.DATA)

    def revert_data_checkpoint(self, tag: str, **kwargs: Unpack[CommonOptions]) -> None:
        """Bring back only the data of a version; HEAD, code and model stay as they are.

        The data's pointers are staged, so that the next commit makes it the current data. Unsaved data is kept first
        (`dvc cpv rescue list`). Raises `RevertError`.
        """
        options = self._options("revert_data_checkpoint", kwargs, needs={"tag": tag})
        self._revert("data revert", options, _LINES, tag)

    def get_data_metadata(self, tag: str | None = None, **kwargs: Unpack[CommonOptions]) -> DataMetadata:
        """When, by whom and why a version was made, its files, sizes, hashes, and where they are.

        Raises `ReadError`.
        """
        from cpv_hooks.operations.info.metadata import data_metadata

        options = self._options("get_data_metadata", kwargs, tag=tag)
        return self._read("data info", options, lambda project: data_metadata(project, tag))
