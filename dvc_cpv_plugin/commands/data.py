"""`dvc cpv data`: the training data's checkpoints."""

from __future__ import annotations

from dvc_cpv_plugin.commands.base import SubCommands
from dvc_cpv_plugin.commands.line import LineCommand, Noun, Verbs
from dvc_cpv_plugin.data import DataCheckpointsManage as API

EXAMPLES = """examples:
  dvc cpv data upload /datasets/flowers -m "two more classes"
  dvc cpv data revert --tag data-v0.1
  dvc cpv data info --json"""


class CmdDataUpload(LineCommand):
    """`DataCheckpointsManage.upload_data_checkpoint`; prints the tag."""

    def run(self) -> int:
        data, path = self.open(API), self.own_path()
        tag = data.upload_data_checkpoint(
            path, version_tag=self.args.tag, message=self.args.message, dask=self.args.dask
        )
        return self.say(tag, {"tag": tag})


class CmdDataDownload(LineCommand):
    """`DataCheckpointsManage.download_data_checkpoint`; prints where the data is."""

    def run(self) -> int:
        place = self.open(API).download_data_checkpoint(self.args.tag, output_dir=self.args.output_dir)
        return self.say(place, {"path": place})


NOUN = Noun(
    "data",
    API,
    API.read_data_checkpoint_tag,
    API.revert_data_checkpoint,
    API.get_data_metadata,
    "the data is now that of {tag} and staged; git commit keeps it",
)


def add_verbs(commands: SubCommands) -> None:
    verbs = Verbs(NOUN, commands)
    verbs.upload(
        CmdDataUpload,
        "Make a folder or file the data's next checkpoint: upload, commit and tag, all or nothing. Prints the tag.",
        "examples:\n  dvc cpv data upload /datasets/flowers\n"
        "  dvc cpv data upload --tag data-v1.0   # the data as it is in the work tree",
    )
    verbs.download(
        CmdDataDownload,
        "Write a version's data to a folder; the work tree stays as it is. Prints the folder.",
        "examples:\n  dvc cpv data download --tag data-v0.1 --output-dir /tmp/data",
    )
    verbs.list_tags("examples:\n  dvc cpv data list-tags --json")
    verbs.revert(
        "Bring back only the data of a version, and stage its pointers.",
        "examples:\n  dvc cpv data revert --tag data-v0.1 && git commit -m 'Back to the first data'",
    )
    verbs.info(
        "Show when, by whom and why a version was made, its files, sizes, hashes, and where they are.",
        "examples:\n  dvc cpv data info --tag data-v0.1",
    )
