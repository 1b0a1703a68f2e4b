"""Section 2 of the specification: `ModelsCheckpointsManage`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dvc_cpv_plugin import CPVError, InitError, ModelArtifacts, ModelsCheckpointsManage, RevertError
from support.shell import Shell
from support.story import Story


@pytest.mark.specification("2.1", "`ModelsCheckpointsManage.__init__`")
def test_models_init_takes_team_and_model_name() -> None:
    models = ModelsCheckpointsManage("vision", "resnet", verbose=True)
    assert (models.team_name, models.model_name, models.options.verbose) == ("vision", "resnet", True)
    assert repr(models) == "ModelsCheckpointsManage('vision', 'resnet')"


@pytest.mark.specification("2.2", "`import_model_init`", "`init`", "same")
def test_models_import_model_init_makes_the_structure(shell: Shell) -> None:
    shell.write("flowers/rose.csv", "red\n")
    models = ModelsCheckpointsManage("vision", "resnet", working_dir=shell.path)
    assert models.import_model_init("flowers") is None
    repo = Shell(shell.path / "resnet")
    assert {"README.md", "train.py", "model.bin", "metrics.log", ".gitignore", "model.bin.dvc", "data.dvc"} <= {
        path.name for path in repo.path.iterdir()
    }
    assert repo.read("data/rose.csv") == b"red\n"
    assert repo.tags() == ["data-v0.0", "v0.0"]
    assert models.read_checkpoint_tag() == ["v0.0"]
    with pytest.raises(InitError, match="this repository has team = 'vision', not 'nlp'"):
        ModelsCheckpointsManage("nlp", "resnet", working_dir=shell.path).import_model_init(repo_path="resnet")


@pytest.mark.specification("2.4", "`upload_model_checkpoint`", "`model upload`", "same")
def test_models_upload_model_checkpoint(story: Story) -> None:
    weights = story.file("runs/7/model.bin", "better weights")
    before = story.repo.head()
    assert story.models.upload_model_checkpoint(str(weights), metrics={"loss": 0.5}) == "v0.1"
    assert story.repo.read("model.bin") == b"better weights"
    assert story.repo.read("metrics.log").splitlines()[-1] == b'{"loss": 0.5}'
    assert story.holds("model.bin")
    assert story.holds("metrics.log")
    assert story.repo.git("rev-parse", "HEAD^").out.strip() == before
    assert story.repo.git("log", "-1", "--format=%s").out.startswith("Model v0.1: ")
    assert story.repo.git("rev-parse", "v0.1^{commit}").out.strip() == story.repo.head()
    assert story.repo.changes() == []
    assert weights.read_text() == "better weights"


def test_models_upload_takes_a_version_and_a_message(story: Story) -> None:
    weights = story.file("weights.bin", "better weights")
    assert story.models.upload_model_checkpoint(str(weights), version_tag="v1.0", message="Release") == "v1.0"
    assert story.repo.git("log", "-1", "--format=%s").out == "Model v1.0: Release\n"
    assert story.repo.git("tag", "-l", "--format=%(subject)", "v1.0").out == "Release\n"


def test_models_upload_of_what_is_there_already_returns_its_tag(story: Story) -> None:
    same = story.file("same.bin", "first weights")
    head = story.repo.head()
    assert story.models.upload_model_checkpoint(str(same)) == "v0.0"
    assert (story.repo.head(), story.repo.tags()) == (head, ["data-v0.0", "v0.0"])


def test_models_upload_is_undone_where_the_server_refuses(story: Story) -> None:
    weights = story.file("better.bin", "better weights")
    story.repo.write(".git/hooks/commit-msg", "#!/bin/sh\nexit 1\n")
    before = (story.repo.head(), story.repo.tree(), story.repo.tags(), story.repo.changes())
    (story.repo.path / ".dvc/config.local").write_text(
        "['remote \"storage\"']\n    access_key_id = x\n    secret_access_key = yyyyyyyy\n"
    )
    with pytest.raises(CPVError, match="access key"):
        story.models.upload_model_checkpoint(str(weights), metrics={"loss": 0.5})
    assert (story.repo.head(), story.repo.tree(), story.repo.tags(), story.repo.changes()) == before


@pytest.mark.specification("2.3", "`load_model`", "`model download`", "same")
def test_models_load_model_leaves_the_work_tree_alone(story: Story) -> None:
    story.models.upload_model_checkpoint(str(story.file("better.bin", "better weights")), metrics={"loss": 0.5})
    before = (story.repo.head(), story.repo.tree())
    old = story.models.load_model("v0.0")
    assert isinstance(old, ModelArtifacts)
    assert old.tag == "v0.0"
    assert old.model is not None
    assert old.model.read_text() == "first weights"
    assert old.metrics == {"loss": 0.9}
    new = story.models.load_model()
    assert (new.tag, Path(os.fspath(new)).read_text(), new.metrics) == ("v0.1", "better weights", {"loss": 0.5})
    assert (story.repo.head(), story.repo.tree()) == before


def test_models_load_model_fetches_what_is_missing(story: Story) -> None:
    Shell(story.repo.path / ".dvc").run("rm", "-rf", "cache")
    found = story.models.load_model("v0.0")
    assert found.model is not None
    assert found.model.read_text() == "first weights"
    # The data is not the model's, so it is not fetched.
    assert len(story.repo.objects()) == 2


def test_models_load_model_works_without_a_clone(story: Story, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from cpv_hooks.accounts.personal import personal_settings

    host = shell.path / "host"
    shell.git("clone", "-q", "--bare", story.repo.path, host / "vision/resnet.git")
    personal_settings.update({"bitbucket.url_pattern": f"{host}/{{team_name}}/{{model_name}}.git"})
    elsewhere = shell.path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for name, value in story.server.environment().items():
        monkeypatch.setenv(name, value)
    found = ModelsCheckpointsManage("vision", "resnet").load_model("v0.0")
    assert found.model is not None
    assert found.model.read_text() == "first weights"
    assert list(elsewhere.iterdir()) == []


@pytest.mark.specification("2.5", "`download_model_checkpoint`", "`model download`", "same")
def test_models_download_model_checkpoint(story: Story) -> None:
    story.models.upload_model_checkpoint(str(story.file("better.bin", "better weights")))
    output = story.repo.path.parent / "output"
    found = story.models.download_model_checkpoint("v0.0", output_dir=str(output))
    assert found.folder == output
    assert {path.name for path in output.iterdir()} == {"model.bin", "metrics.log"}
    (output / "model.bin").write_text("it is the user's own")
    assert story.models.load_model("v0.0").model is not None
    assert story.repo.read("model.bin") == b"better weights"
    assert story.models.download_model_checkpoint(working_dir=output.parent).folder == output.parent / "resnet-v0.1"


@pytest.mark.specification("2.6", "`tag_model_checkpoint`", "`model upload`, `tag`", "same")
def test_models_tag_model_checkpoint(story: Story) -> None:
    story.repo.write("model.bin", "trained on")
    assert story.models.tag_model_checkpoint() == "v0.1"
    assert story.holds("model.bin")
    assert story.repo.changes() == []
    assert story.models.tag_model_checkpoint("v1.0", "Release") == "v1.0"
    assert story.models.tag_model_checkpoint() == "v1.1"
    assert story.repo.git("tag", "-l", "--format=%(subject)", "v1.0").out == "Release\n"


@pytest.mark.parametrize("version", ["v0.0", "0.0", "v1", "1.x", "v0", "", "a..b", "v1.0\n", "-d"])
def test_models_tag_refuses_what_is_no_new_version(story: Story, version: str) -> None:
    before = (story.repo.head(), story.repo.tags())
    with pytest.raises(CPVError):
        story.models.tag_model_checkpoint(version)
    assert (story.repo.head(), story.repo.tags()) == before


@pytest.mark.specification("2.7", "`read_checkpoint_tag`", "`model list-tags`", "same")
def test_models_read_checkpoint_tag(story: Story) -> None:
    for version in ("v0.9", "v0.10", "v2.0"):
        story.models.tag_model_checkpoint(version)
    story.repo.git("tag", "somebody-elses")
    assert story.models.read_checkpoint_tag() == ["v0.0", "v0.9", "v0.10", "v2.0"]


@pytest.mark.specification("2.8", "`revert_model_checkpoint`", "`model revert`", "same")
def test_models_revert_model_checkpoint(story: Story) -> None:
    story.models.upload_model_checkpoint(str(story.file("better.bin", "better weights")), metrics={"loss": 0.5})
    story.models.revert_model_checkpoint("v0.0")
    assert story.repo.read("model.bin") == b"first weights"
    assert story.repo.read("metrics.log") == b'{"loss": 0.9}\n'
    assert story.repo.git("rev-parse", "v0.0^{commit}").out.strip() == story.repo.head()
    assert story.repo.changes() == []
    with pytest.raises(RevertError, match=r"'v9.9' is no model version \(the last ones are v0.1, v0.0\)"):
        story.models.revert_model_checkpoint("v9.9")


@pytest.mark.specification("2.9", "`get_model_metadata`", "`model info`", "same")
def test_models_get_model_metadata(story: Story) -> None:
    story.models.upload_model_checkpoint(str(story.file("b.bin", "better")), metrics={"loss": 0.5}, message="Longer")
    found = story.models.get_model_metadata()
    assert json.loads(json.dumps(found)) == found
    assert (found["tag"], found["commit"], found["author"]) == (
        "v0.1", story.repo.head(), "Ada Lovelace <ada@example.com>",
    )  # fmt: skip
    assert found["metrics"] == {"loss": 0.5}
    assert found["size"] == len("better") + len(story.repo.read("metrics.log"))
    assert found["version_count"] == 2
    assert found["in_cache"] is True
    assert found["on_remote"] is True
    assert story.models.get_model_metadata("v0.0")["metrics"] == {"loss": 0.9}
