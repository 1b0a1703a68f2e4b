"""`CombinedCheckpointsManage`: model and data together, from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from cpv_hooks.project.tag_schemes import Line
from dvc_cpv_plugin.checkpoints import Checkpoints
from dvc_cpv_plugin.options import CommonOptions

if TYPE_CHECKING:
    from cpv_hooks.operations.info.checkpoint_list import Listed
    from cpv_hooks.operations.info.metadata import CombinedMetadata

_LINES = (Line.MODEL, Line.DATA)


class CombinedCheckpointsManage(Checkpoints):
    """The checkpoints of model and data of `model_name` of `team_name`; see `ModelsCheckpointsManage`."""

    def tag_model_and_data(
        self,
        version_tag: str | None = None,
        model_message: str | None = None,
        data_message: str | None = None,
        **kwargs: Unpack[CommonOptions],
    ) -> tuple[str, str]:
        """Tag model and data as they are now on one commit, both or neither; returns the model's and the data's tag.

        What changed is saved, uploaded, verified and committed first. With `version_tag` both lines get that
        number, without it each line gets its next. Raises `TagError`.
        """
        options = self._options(
            "tag_model_and_data",
            kwargs,
            version_tag=version_tag,
            model_message=model_message,
            data_message=data_message,
        )
        messages = {Line.MODEL: model_message, Line.DATA: data_message}
        model, data = self._tag("checkpoint create", options, _LINES, version_tag, messages)
        return model, data

    def revert_model_and_data(self, tag: str, **kwargs: Unpack[CommonOptions]) -> None:
        """Check a version out, as `git checkout TAG` does; the tag may be one of either line. Raises `RevertError`."""
        options = self._options("revert_model_and_data", kwargs, needs={"tag": tag})
        self._revert("checkpoint revert", options, _LINES, tag)

    def read_combined_checkpoints(self, **kwargs: Unpack[CommonOptions]) -> list[Listed]:
        """Every commit that has a version of either line, oldest first. Raises `ReadError`."""
        from cpv_hooks.operations.info.checkpoint_list import list_commits

        return self._read("checkpoint list", self._options("read_combined_checkpoints", kwargs), list_commits)

    def get_combined_metadata(self, tag: str | None = None, **kwargs: Unpack[CommonOptions]) -> CombinedMetadata:
        """The metadata of model and data as they were at a tag of either line. Raises `ReadError`."""
        from cpv_hooks.operations.info.metadata import combined_metadata

        options = self._options("get_combined_metadata", kwargs, tag=tag)
        return self._read("checkpoint info", options, lambda project: combined_metadata(project, tag))
