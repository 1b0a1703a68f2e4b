"""`dvc cpv model`: a model's checkpoints."""

from __future__ import annotations

from cpv_hooks.console.output import warn
from cpv_hooks.errors import CPVError
from cpv_hooks.metric_formats.log_lines import parse_pair
from dvc_cpv_plugin.commands.base import SubCommands
from dvc_cpv_plugin.commands.common import facts
from dvc_cpv_plugin.commands.line import LineCommand, Noun, Verbs
from dvc_cpv_plugin.commands.model_lines import described
from dvc_cpv_plugin.models import ModelsCheckpointsManage as API

EXAMPLES = """examples:
  dvc cpv model upload runs/7/model.bin --metric loss=0.12 -m "longer training"
  dvc cpv model download --tag v0.3 --output-dir /tmp/model
  dvc cpv model info --json"""


class CmdModelUpload(LineCommand):
    """`ModelsCheckpointsManage.upload_model_checkpoint`; prints the tag."""

    def run(self) -> int:
        metrics = dict(map(_metric, self.args.metric)) or None
        tag = self.open(API).upload_model_checkpoint(
            self.own_path(), metrics, version_tag=self.args.tag, message=self.args.message, dask=self.args.dask
        )
        return self.say(tag, {"tag": tag})


class CmdModelDownload(LineCommand):
    """`ModelsCheckpointsManage.download_model_checkpoint`; prints the folder."""

    def run(self) -> int:
        if (self.args.tensor is None) is not (self.args.to is None):
            raise CPVError("--tensor and --to belong together", fix="--tensor NAME --to FILE.safetensors")
        if self.args.tensor is not None:
            path = str(self.open(API).download_tensor(self.args.tensor, self.args.to, self.args.tag))
            return self.say(path, {"tensor": self.args.tensor, "file": path})
        found = self.open(API).download_model_checkpoint(self.args.tag, output_dir=self.args.output_dir)
        files = {name: str(path) for name, path in found.files.items()}
        value = {"tag": found.tag, "commit": found.commit, "folder": str(found.folder), "files": files}
        return self.say(str(found.folder), value)


class CmdModelInfo(LineCommand):
    def run(self) -> int:
        found = self.open(API).get_model_metadata(self.args.tag)
        rest = {key: value for key, value in found.items() if key != "models"}
        status = self.say("\n".join([facts(rest), *described(found, tensors=self.args.tensors)]), found)
        errors = [f"{model['path']}: {error}" for model in found["models"] for error in model["errors"]]
        for error in errors:
            warn(error)
        return 1 if errors else status


def _metric(text: str) -> tuple[str, int | float | str]:
    found = parse_pair(text)
    if found is None:
        raise CPVError(f"{text!r} is not a metric", fix="--metric NAME=VALUE")
    return found


NOUN = Noun(
    "model",
    API,
    API.read_checkpoint_tag,
    API.revert_model_checkpoint,
    API.get_model_metadata,
    "at {tag}; git switch - goes back",
)


def add_verbs(commands: SubCommands) -> None:
    verbs = Verbs(NOUN, commands)
    upload = verbs.upload(
        CmdModelUpload,
        "Make a file or folder the next checkpoint: upload, commit and tag, all or nothing. Prints the tag.",
        "examples:\n  dvc cpv model upload runs/7/model.bin --metric loss=0.12\n"
        '  dvc cpv model upload --tag v1.0 -m "Release"   # the model as it is in the work tree\n'
        "  dvc cpv model upload shards --dask tcp://scheduler:8786     # a folder too large for one machine",
    )
    upload.add_argument("--metric", action="append", default=[], metavar="NAME=VALUE", help="A metric; repeatable.")
    download = verbs.download(
        CmdModelDownload,
        "Write a version's files to a folder; the work tree stays as it is. Prints the folder.",
        "examples:\n  dvc cpv model download\n  dvc cpv model download --tag v0.3 --output-dir /tmp/model\n"
        "  cpv model download --team-name vision --model-name resnet50   # no clone needed\n"
        "  dvc cpv model download --tensor layer.0.weight --to weight.safetensors   # only that tensor's bytes",
    )
    download.add_argument("--tensor", metavar="NAME", help="Only this tensor, fetched by itself (see --to).")
    download.add_argument("--to", metavar="FILE", help="The safetensors file to write it to.")
    verbs.list_tags("examples:\n  dvc cpv model list-tags | tail -n 1")
    verbs.revert(
        "Check a version out, as `git checkout TAG` does: code, model and data.",
        "examples:\n  dvc cpv model revert --tag v0.3\n  git switch -     # and back",
    )
    info = verbs.info(
        "Show when, by whom and why a version was made, its metrics, files, where its data is, what its models are.",
        "examples:\n  dvc cpv model info --tag v0.3\n  dvc cpv model info --json | jq .metrics\n"
        "  dvc cpv model info --tensors        # the tensors of each model, from its header\n\n"
        "docs/models.md lists the formats.",
        CmdModelInfo,
    )
    info.add_argument("--tensors", action="store_true", help="List the tensors of each model.")
