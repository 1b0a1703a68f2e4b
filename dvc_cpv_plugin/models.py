"""`ModelsCheckpointsManage`: a model's checkpoints from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from cpv_hooks.console.plan import Plan
from cpv_hooks.project.tag_schemes import Line
from dvc_cpv_plugin.checkpoints import Checkpoints
from dvc_cpv_plugin.errors import InitError, RetireError, raised_as
from dvc_cpv_plugin.options import (
    UPLOAD,
    CommonOptions,
    DownloadOptions,
    ExportOptions,
    InitOptions,
    RetireOptions,
    UploadOptions,
)

if TYPE_CHECKING:
    from cpv_hooks.operations.download.model_artifacts import ModelArtifacts
    from cpv_hooks.operations.export.export import ExportedVersion
    from cpv_hooks.operations.info.metadata import ModelMetadata
    from cpv_hooks.project.project import Project

_LINES = (Line.MODEL,)


class ModelsCheckpointsManage(Checkpoints):
    """The checkpoints of `model_name` of `team_name`: its weights, metrics and whatever else belongs to the model.

    Every method takes the options of `CommonOptions`. Errors are `CPVError`s, one subclass for each kind of action;
    an unknown option or a value of the wrong type is a `TypeError`.
    """

    def import_model_init(self, data_path: str | None = None, **kwargs: Unpack[InitOptions]) -> None:
        """Make the model's repository, with its first checkpoint, or set up CPV in an existing one.

        The folder is `repo_path`, or MODEL in the working directory. `data_path` is copied into a new repository's
        `data/`. Raises `InitError`.
        """
        from cpv_hooks.setup.init import init_plan as init
        from cpv_hooks.setup.init.model_repository import InitRequest

        options = self._options("import_model_init", kwargs, {"remote": str, "pipeline": bool}, data_path=data_path)
        with raised_as(InitError), self._logged("init", options):
            path = options.path(options.repo_path) if options.repo_path else None
            place = init.locate_place(path, self.model_name, options.folder)
            request = InitRequest(
                team=self.team_name,
                model=self.model_name,
                data_path=None if data_path is None else str(options.path(data_path)),
                remote=kwargs.get("remote"),
                pipeline=kwargs.get("pipeline", False),
            )
            steps = init.plan_init(place, request)
            self._do(Plan(tuple(step.effect for step in steps), None, lambda: init.carry_out(place, steps)), options)

    def load_model(self, tag: str | None = None, **kwargs: Unpack[CommonOptions]) -> ModelArtifacts:
        """The files of a version (the highest by default), without touching the work tree.

        They are read-only, in CPV's personal folder; only what DVC's cache lacks is fetched. A repository that
        is not cloned here is cloned from the configured Git host. Raises `DownloadError`.
        """
        from cpv_hooks.operations.download.download import plan_load

        options = self._options("load_model", kwargs, tag=tag)
        return self._bring(
            "model load", options, Line.MODEL, lambda project: plan_load(project, tag, use_cache=options.use_cache)
        )

    def upload_model_checkpoint(
        self,
        model_path: str,
        metrics: Mapping[str, int | float | str] | None = None,
        **kwargs: Unpack[UploadOptions],
    ) -> str:
        """Make a file or folder the model's next checkpoint and return its tag.

        It is copied to the model's path, `metrics` are appended to the metrics file, and both are uploaded, verified,
        committed and tagged: all or nothing. Raises `UploadError`.
        """
        options = self._options(
            "upload_model_checkpoint", kwargs, UPLOAD, needs={"model_path": model_path}, metrics=metrics
        )
        return self._upload(Line.MODEL, options, model_path, kwargs, metrics=metrics)

    def download_model_checkpoint(self, tag: str | None = None, **kwargs: Unpack[DownloadOptions]) -> ModelArtifacts:
        """Copy a version's files (the highest by default) to `output_dir`; the copies are yours to change.

        The default folder is `MODEL-TAG` in the working directory. Raises `DownloadError`.
        """
        from cpv_hooks.operations.download.download import plan_download_model

        options = self._options("download_model_checkpoint", kwargs, {"output_dir": Path}, tag=tag)
        return self._download(options, Line.MODEL, plan_download_model, tag, kwargs)

    def download_tensor(
        self, name: str, to: str | Path, tag: str | None = None, **kwargs: Unpack[CommonOptions]
    ) -> Path:
        """Write one tensor of a version (the highest by default) to a new safetensors file, and return its path.

        If the cache lacks the file, only the tensor's bytes are fetched; no hash verifies them. Raises `DownloadError`.
        """
        from cpv_hooks.operations.download.one_tensor import plan_tensor

        options = self._options("download_tensor", kwargs, needs={"name": name, "to": to}, tag=tag)
        target = options.path(to)
        return self._bring(
            "download tensor", options, Line.MODEL, lambda project: plan_tensor(project, tag, name, target)
        )

    def export_version(self, to: str, tag: str | None = None, **kwargs: Unpack[ExportOptions]) -> ExportedVersion:
        """Write a version (the highest by default) to the folder `to`, which must be empty or not there.

        The folder appears complete and verified, or not at all. Raises `DownloadError`.
        """
        from cpv_hooks.operations.export.export import check_format, plan_export

        options = self._options("export_version", kwargs, {"format": str, "manifest": bool}, needs={"to": to}, tag=tag)

        def plan(project: Project) -> Plan[ExportedVersion]:
            form = check_format(kwargs.get("format") or "dir")
            manifest = bool(kwargs.get("manifest"))
            return plan_export(project, tag, options.path(to), form, manifest=manifest, use_cache=options.use_cache)

        return self._bring("export", options, Line.MODEL, plan)

    def tag_model_checkpoint(
        self, version_tag: str | None = None, message: str | None = None, **kwargs: Unpack[CommonOptions]
    ) -> str:
        """Tag the model as it is now: what changed is saved, uploaded and committed first. Returns the tag.

        Without `version_tag` it gets the number after the highest: v0.1, v0.2 … Raises `TagError`.
        """
        options = self._options("tag_model_checkpoint", kwargs, version_tag=version_tag, message=message)
        return self._tag("model tag", options, _LINES, version_tag, {Line.MODEL: message})[0]

    def read_checkpoint_tag(self, **kwargs: Unpack[CommonOptions]) -> list[str]:
        """The model's tags, lowest version first. Raises `ReadError`."""
        return self._tags("model list-tags", self._options("read_checkpoint_tag", kwargs), Line.MODEL)

    def revert_model_checkpoint(self, tag: str, **kwargs: Unpack[CommonOptions]) -> None:
        """Check a version out, as `git checkout TAG` does: code, model and data as they were then.

        HEAD is detached there; `git switch -` goes back. Unsaved artifacts are kept first (`dvc cpv rescue list`).
        Raises `RevertError`.
        """
        options = self._options("revert_model_checkpoint", kwargs, needs={"tag": tag})
        self._revert("model revert", options, _LINES, tag)

    def get_model_metadata(self, tag: str | None = None, **kwargs: Unpack[CommonOptions]) -> ModelMetadata:
        """When, by whom and why a version was made, its metrics, files, sizes, hashes, and where its data is.

        Raises `ReadError`.
        """
        from cpv_hooks.operations.info.metadata import model_metadata

        options = self._options("get_model_metadata", kwargs, tag=tag)
        return self._read("model info", options, lambda project: model_metadata(project, tag))

    def retire_model_checkpoints(self, tags: list[str] | None = None, **kwargs: Unpack[RetireOptions]) -> list[str]:
        """Retire versions, by name or by a rule: they stay in Git with their metrics, and their data may go.

        Returns the versions. `dvc cpv prune` removes what nothing else needs. Raises `RetireError`, also for a version
        that is in a stage, the newest one, or at HEAD, unless `confirm` names it; a rule skips such versions.
        """
        from dvc_cpv_plugin.retiring import retire

        more = {"message": str, "confirm": list, "keep_best": int, "metric": str, "mode": str, "older_than": str}
        options = self._options("retire_model_checkpoints", kwargs, {**more, "except_stages": list}, tags=tags)
        with raised_as(RetireError), self._logged("retire", options):
            return retire(self._project(options, reads=False), tags or [], kwargs, dry_run=options.dry_run)

    def unretire_model_checkpoints(
        self, tags: list[str], message: str | None = None, **kwargs: Unpack[CommonOptions]
    ) -> list[str]:
        """Undo the retirement of versions, as long as the cache or the remote has all of their data.

        Returns the versions. Raises `RetireError`.
        """
        from cpv_hooks.upkeep.retire import retire_plan

        options = self._options("unretire_model_checkpoints", kwargs, needs={"tags": tags}, message=message)
        with raised_as(RetireError), self._logged("retire --undo", options):
            project = self._project(options, reads=False)
            return retire_plan.undo(project.repo, [project], tags, message, dry_run=options.dry_run)

    def read_retired_checkpoints(self, **kwargs: Unpack[CommonOptions]) -> list[dict[str, object]]:
        """The retired versions, the latest retirement first: when, by whom, why, and where the data still is.

        Raises `ReadError`.
        """
        from cpv_hooks.upkeep.retire import retire_plan

        options = self._options("read_retired_checkpoints", kwargs)
        return self._read(
            "retire --list",
            options,
            lambda project: [one.as_dict() for one in retire_plan.listed(project.repo, [project])],
        )
