"""Section 2 of the specification: `CombinedCheckpointsManage`."""

from __future__ import annotations

import pytest

from dvc_cpv_plugin import CombinedCheckpointsManage, CPVError
from support.story import Story


@pytest.mark.specification("2.18", "`CombinedCheckpointsManage.__init__`")
def test_combined_init_takes_team_and_model_name() -> None:
    both = CombinedCheckpointsManage("vision", "resnet", force=True)
    assert (both.team_name, both.model_name, both.options.force) == ("vision", "resnet", True)


@pytest.mark.specification("2.19", "`tag_model_and_data`", "`checkpoint create`", "same")
def test_combined_tag_model_and_data(story: Story) -> None:
    story.repo.write("model.bin", "trained on")
    story.repo.write("data/b.csv", "3,4\n")
    before = story.repo.head()
    assert story.both.tag_model_and_data(None, "the model", "the data") == ("v0.1", "data-v0.1")
    assert story.repo.git("rev-parse", "HEAD^").out.strip() == before
    commits = {story.repo.git("rev-parse", f"{tag}^{{commit}}").out.strip() for tag in ("v0.1", "data-v0.1")}
    assert commits == {story.repo.head()}
    assert story.repo.git("tag", "-l", "--format=%(subject)", "v0.1", "data-v0.1").lines == ["the data", "the model"]
    assert story.holds("model.bin")
    assert story.holds("data/b.csv")
    assert story.repo.changes() == []
    assert story.both.tag_model_and_data("v2.0") == ("v2.0", "data-v2.0")


def test_combined_tags_both_or_neither(story: Story) -> None:
    story.data.tag_data_checkpoint("data-v3.0")
    story.repo.write("model.bin", "trained on")
    before = (story.repo.head(), story.repo.tags(), story.repo.tree())
    with pytest.raises(CPVError, match=r"data-v2.0 is not higher than data-v3.0"):
        story.both.tag_model_and_data("v2.0")
    assert (story.repo.head(), story.repo.tags(), story.repo.tree()) == before


@pytest.mark.specification("2.20", "`revert_model_and_data`", "`checkpoint revert`", "same")
def test_combined_revert_model_and_data(story: Story) -> None:
    story.repo.write("model.bin", "trained on")
    story.repo.write("data/b.csv", "3,4\n")
    story.both.tag_model_and_data("v1.0")
    story.both.revert_model_and_data("v0.0")
    assert story.repo.read("model.bin") == b"first weights"
    assert sorted(story.repo.tree("data")) == ["a.csv"]
    story.both.revert_model_and_data("data-v1.0")
    assert story.repo.read("model.bin") == b"trained on"
    assert sorted(story.repo.tree("data")) == ["a.csv", "b.csv"]


@pytest.mark.specification("2.21", "`get_combined_metadata`", "`checkpoint list`, `model info`", "same")
def test_combined_get_combined_metadata(story: Story) -> None:
    story.repo.write("model.bin", "trained on")
    story.both.tag_model_and_data("v1.0")
    found = story.both.get_combined_metadata("v1.0")
    assert found["model"]["tag"] == "v1.0"
    assert found["data"]["tag"] == "data-v1.0"
    assert found["commit"] == story.repo.head()


def test_combined_list(story: Story) -> None:
    story.both.tag_model_and_data("v1.0")
    story.models.tag_model_checkpoint()
    assert [(one["model"], one["data"]) for one in story.both.read_combined_checkpoints()] == [
        (["v0.0", "v1.0", "v1.1"], ["data-v0.0", "data-v1.0"])
    ]
