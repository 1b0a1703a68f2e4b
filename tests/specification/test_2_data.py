"""Section 2 of the specification: `DataCheckpointsManage`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dvc_cpv_plugin import CPVError, DataCheckpointsManage, InitError, ModelsCheckpointsManage, RevertError
from support.shell import Shell
from support.story import Story


def flowers(story: Story, **files: str) -> str:
    for name, content in files.items():
        story.file(f"flowers/{name}.csv", content)
    return str(story.repo.path.parent / "flowers")


@pytest.mark.specification("2.10", "`DataCheckpointsManage.__init__`")
def test_data_init_takes_team_and_model_name() -> None:
    data = DataCheckpointsManage("vision", "resnet", dry_run=True)
    assert (data.team_name, data.model_name, data.options.dry_run) == ("vision", "resnet", True)


@pytest.mark.specification("2.11", "`import_data_init`", "`data upload`", "same")
def test_data_import_data_init(shell: Shell) -> None:
    ModelsCheckpointsManage("vision", "resnet", working_dir=shell.path).import_model_init()
    shell.write("flowers/rose.csv", "red\n")
    data = DataCheckpointsManage("vision", "resnet", working_dir=shell.path)
    assert data.import_data_init("flowers") is None
    repo = Shell(shell.path / "resnet")
    assert repo.tree("data") == shell.tree("flowers")
    assert data.read_data_checkpoint_tag() == ["data-v0.0", "data-v0.1"]
    shell.write("flowers/rose.csv", "white\n")
    with pytest.raises(InitError, match=r"data/rose.csv: there is training data already"):
        data.import_data_init("flowers")
    data.import_data_init("flowers", force=True)
    assert repo.read("data/rose.csv") == b"white\n"


@pytest.mark.specification("2.12", "`upload_data_checkpoint`", "`data upload`", "same")
def test_data_upload_data_checkpoint(story: Story) -> None:
    assert story.data.upload_data_checkpoint(flowers(story, rose="red", lily="white")) == "data-v0.1"
    assert sorted(story.repo.tree("data")) == ["lily.csv", "rose.csv"]
    assert story.holds("data/rose.csv")
    assert story.repo.read("model.bin") == b"first weights"
    assert story.repo.tags() == ["data-v0.0", "data-v0.1", "v0.0"]
    assert story.repo.git("log", "-1", "--format=%s").out.startswith("Data data-v0.1: ")
    assert story.repo.changes() == []


def test_data_upload_refuses_what_is_not_there(story: Story) -> None:
    with pytest.raises(CPVError, match="no such file or folder"):
        story.data.upload_data_checkpoint(str(story.repo.path.parent / "nothing"))


@pytest.mark.specification("2.13", "`download_data_checkpoint`", "`data download`", "same")
def test_data_download_data_checkpoint(story: Story) -> None:
    story.data.upload_data_checkpoint(flowers(story, rose="red"))
    output = story.repo.path.parent / "output"
    place = story.data.download_data_checkpoint("data-v0.0", output_dir=str(output))
    assert isinstance(place, str)
    assert (Path(place) / "a.csv").read_text() == "1,2\n"
    assert sorted(story.repo.tree("data")) == ["rose.csv"]


@pytest.mark.specification("2.14", "`tag_data_checkpoint`", "`data upload`, `tag --data`", "same")
def test_data_tag_data_checkpoint(story: Story) -> None:
    story.repo.write("data/b.csv", "3,4\n")
    assert story.data.tag_data_checkpoint() == "data-v0.1"
    assert story.holds("data/b.csv")
    assert story.data.tag_data_checkpoint("data-v1.0", "Cleaned") == "data-v1.0"
    assert story.data.tag_data_checkpoint("1.5") == "data-v1.5"
    assert story.data.tag_data_checkpoint() == "data-v1.6"


@pytest.mark.specification("2.15", "`read_data_checkpoint_tag`", "`data list-tags`", "same")
def test_data_read_data_checkpoint_tag(story: Story) -> None:
    story.data.tag_data_checkpoint("data-v0.10")
    story.data.tag_data_checkpoint()
    assert story.data.read_data_checkpoint_tag() == ["data-v0.0", "data-v0.10", "data-v0.11"]


@pytest.mark.specification("2.16", "`revert_data_checkpoint`", "`data revert`", "same")
def test_data_revert_data_checkpoint_leaves_the_model(story: Story) -> None:
    story.data.upload_data_checkpoint(flowers(story, rose="red"))
    story.models.upload_model_checkpoint(str(story.file("b.bin", "better weights")))
    head = story.repo.head()
    story.data.revert_data_checkpoint("data-v0.0")
    assert story.repo.tree("data") == {"a.csv": story.repo.md5("data/a.csv")}
    assert story.repo.read("data/a.csv") == b"1,2\n"
    assert story.repo.read("model.bin") == b"better weights"
    assert story.repo.head() == head
    assert story.repo.changes() == ["M  data.dvc"]
    with pytest.raises(RevertError, match=r"'data-v7.0' is no data version"):
        story.data.revert_data_checkpoint("data-v7.0", force=True)


def test_data_revert_keeps_what_was_not_saved(story: Story) -> None:
    story.data.upload_data_checkpoint(flowers(story, rose="red"))
    story.repo.write("data/rose.csv", "not saved yet")
    story.data.revert_data_checkpoint("data-v0.0", force=True)
    assert "data" in story.repo.cpv("rescue", "list").out
    story.repo.cpv("rescue", "restore", "1")
    assert story.repo.read("data/rose.csv") == b"not saved yet"


@pytest.mark.specification("2.17", "`get_data_metadata`", "`data info`", "same")
def test_data_get_data_metadata(story: Story) -> None:
    story.data.upload_data_checkpoint(flowers(story, rose="red", lily="white"), message="Flowers")
    found = story.data.get_data_metadata()
    assert json.loads(json.dumps(found)) == found
    assert (found["tag"], found["size"], found["nfiles"], found["version_count"]) == ("data-v0.1", 8, 2, 2)
    assert (found["in_cache"], found["on_remote"]) == (True, True)
    assert found["timestamp"].endswith("+00:00")
