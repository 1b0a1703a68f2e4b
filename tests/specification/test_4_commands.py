"""Section 4 of the specification: the commands, each as `dvc cpv …` and as `cpv …`."""

from __future__ import annotations

import json

import pytest

from support import inside
from support.shell import BIN, Result, Shell
from support.story import Story

COMMANDS = {
    "init": ["--team-name", "--model-name", "--data-path"],
    "aws-config": ["--credential-path", "--profile"],
    "bitbucket-config": ["--keygen-filename"],
    "validate": [],
    "model upload": ["--tag", "--message"],
    "model download": ["--tag", "--output-dir"],
    "model list-tags": [],
    "model revert": ["--tag"],
    "model info": ["--tag"],
    "data upload": ["--tag", "--message"],
    "data download": ["--tag", "--output-dir"],
    "data list-tags": [],
    "data revert": ["--tag"],
    "data info": ["--tag"],
    "checkpoint create": ["--tag", "--message"],
    "checkpoint list": [],
    "checkpoint revert": ["--tag"],
}
COMMON = ["--verbose", "--log-file", "--dry-run", "--notify", "--repo-path", "--working-dir"]


def cpv(story: Story, *args: str, status: int = 0) -> Result:
    done = inside.cpv(story.repo.path, *args)
    assert done.status == status, done.text
    return done


@pytest.mark.specification("4", "**4 Commands** (options of each)", "all")
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_the_options_of_the_specification(shell: Shell, command: str) -> None:
    help = inside.cpv(shell.path, *command.split(), "--help").out
    for option in COMMANDS[command]:
        assert option in help
    assert "examples:\n  " in help
    assert "Traceback" not in help


@pytest.mark.parametrize("command", [name for name in COMMANDS if " " in name])
def test_commands_have_the_common_options(shell: Shell, command: str) -> None:
    help = inside.cpv(shell.path, *command.split(), "--help").out
    for option in COMMON:
        assert option in help


def test_commands_are_the_same_as_dvc_cpv(story: Story) -> None:
    assert story.repo.cpv("model", "list-tags").out == "v0.0\n"
    assert story.repo.run(BIN / "cpv", "model", "list-tags").out == "v0.0\n"


def test_commands_are_completed_by_the_shell(shell: Shell) -> None:
    script = shell.dvc("completion", "-s", "bash").out
    for command in COMMANDS:
        assert f"dvc_cpv_{command.replace('-', '_').replace(' ', '_')}" in script
    assert "--credential-path" in script


@pytest.mark.specification("4.1", "`cpv model upload`", "`model upload`")
def test_command_model_upload(story: Story) -> None:
    weights = str(story.file("runs/7/model.bin", "better weights"))
    assert cpv(story, "model", "upload", weights, "--metric", "loss=0.5", "-m", "Longer").out == "v0.1\n"
    assert story.repo.git("tag", "-l", "--format=%(subject)", "v0.1").out == "Longer\n"
    assert story.models.get_model_metadata()["metrics"] == {"loss": 0.5}
    # Without a path: what stands in the work tree.
    story.repo.write("model.bin", "even better")
    assert json.loads(cpv(story, "model", "upload", "--tag", "v1.0", "--json").out) == {"tag": "v1.0"}
    assert story.repo.changes() == []


def test_command_model_upload_names_what_is_no_metric(story: Story) -> None:
    done = cpv(story, "model", "upload", "--metric", "loss", status=1)
    assert done.err == "cpv: 'loss' is not a metric; fix: --metric NAME=VALUE\n"


@pytest.mark.specification("4.2", "`cpv model download`", "`model download`")
def test_command_model_download(story: Story) -> None:
    output = story.repo.path.parent / "output"
    assert cpv(story, "model", "download", "--tag", "v0.0", "--output-dir", str(output)).out == f"{output}\n"
    assert (output / "model.bin").read_text() == "first weights"
    told = json.loads(cpv(story, "model", "download", "-o", str(output), "--json").out)
    assert told["tag"] == "v0.0"
    assert told["files"]["model.bin"] == str(output / "model.bin")


@pytest.mark.specification("4.3", "`cpv model list-tags`", "`model list-tags`")
def test_command_model_list_tags(story: Story) -> None:
    cpv(story, "tag", "v0.10")
    assert cpv(story, "model", "list-tags").out == "v0.0\nv0.10\n"
    assert json.loads(cpv(story, "model", "list-tags", "--json").out) == ["v0.0", "v0.10"]


@pytest.mark.specification("4.4", "`cpv model revert`", "`model revert`")
def test_command_model_revert(story: Story) -> None:
    story.models.upload_model_checkpoint(str(story.file("b.bin", "better")))
    assert cpv(story, "model", "revert", "--tag", "v0.0").out == "at v0.0; git switch - goes back\n"
    assert story.repo.read("model.bin") == b"first weights"
    story.repo.git("switch", "-q", "-")
    assert story.repo.read("model.bin") == b"better"


@pytest.mark.specification("4.5", "`cpv model info`", "`model info`")
def test_command_model_info(story: Story) -> None:
    told = cpv(story, "model", "info", "--tag", "v0.0").lines
    assert "tag: v0.0" in told
    assert "metrics:" in told
    assert "  loss: 0.9" in told
    assert json.loads(cpv(story, "model", "info", "--json").out)["tag"] == "v0.0"


@pytest.mark.specification("4.6", "`cpv data upload`", "`data upload`")
def test_command_data_upload(story: Story) -> None:
    story.file("flowers/rose.csv", "red")
    assert cpv(story, "data", "upload", "../flowers", "-m", "Flowers").out == "data-v0.1\n"
    assert story.repo.read("data/rose.csv") == b"red"
    story.repo.write("data/lily.csv", "white")
    assert cpv(story, "data", "upload", "--tag", "data-v1.0").out == "data-v1.0\n"


@pytest.mark.specification("4.7", "`cpv data download`", "`data download`")
def test_command_data_download(story: Story) -> None:
    output = story.repo.path.parent / "output"
    place = cpv(story, "data", "download", "--tag", "data-v0.0", "--output-dir", str(output)).out.strip()
    assert Shell(story.repo.path).run("cat", f"{place}/a.csv").out == "1,2\n"


@pytest.mark.specification("4.8", "`cpv data list-tags`", "`data list-tags`")
def test_command_data_list_tags(story: Story) -> None:
    assert cpv(story, "data", "list-tags").out == "data-v0.0\n"
    assert json.loads(cpv(story, "data", "list-tags", "--json").out) == ["data-v0.0"]


@pytest.mark.specification("4.9", "`cpv data revert`", "`data revert`")
def test_command_data_revert(story: Story) -> None:
    story.repo.write("data/b.csv", "3,4\n")
    story.data.tag_data_checkpoint()
    told = cpv(story, "data", "revert", "--tag", "data-v0.0").out
    assert told == "the data is now that of data-v0.0 and staged; git commit keeps it\n"
    assert sorted(story.repo.tree("data")) == ["a.csv"]


@pytest.mark.specification("4.10", "`cpv data info`", "`data info`")
def test_command_data_info(story: Story) -> None:
    told = cpv(story, "data", "info").lines
    assert "tag: data-v0.0" in told
    assert "size: 4 B (4 bytes)" in told


@pytest.mark.specification("4.11", "`cpv checkpoint create`", "`checkpoint create`")
def test_command_checkpoint_create(story: Story) -> None:
    story.repo.write("model.bin", "trained on")
    assert cpv(story, "checkpoint", "create", "--tag", "v1.0", "--message", "Release").out == "v1.0\ndata-v1.0\n"
    assert story.repo.git("tag", "-l", "--format=%(subject)", "v1.0", "data-v1.0").lines == ["Release", "Release"]
    assert json.loads(cpv(story, "checkpoint", "create", "--json").out) == {"model": "v1.1", "data": "data-v1.1"}


@pytest.mark.specification("4.12", "`cpv checkpoint list`", "`checkpoint list`")
def test_command_checkpoint_list(story: Story) -> None:
    cpv(story, "checkpoint", "create", "--tag", "v1.0")
    (row,) = cpv(story, "checkpoint", "list").lines
    model, data, commit, _, subject = row.split("\t")
    assert (model, data, subject) == ("v0.0 v1.0", "data-v0.0 data-v1.0", "first")
    assert story.repo.head().startswith(commit)
    (listed,) = json.loads(cpv(story, "checkpoint", "list", "--json").out)
    assert listed["model"] == ["v0.0", "v1.0"]


@pytest.mark.specification("4.13", "`cpv checkpoint revert`", "`checkpoint revert`")
def test_command_checkpoint_revert(story: Story) -> None:
    story.repo.write("model.bin", "trained on")
    story.repo.write("data/b.csv", "3,4\n")
    cpv(story, "checkpoint", "create")
    assert cpv(story, "checkpoint", "revert", "--tag", "data-v0.0").out == "at data-v0.0; git switch - goes back\n"
    assert story.repo.read("model.bin") == b"first weights"
    assert sorted(story.repo.tree("data")) == ["a.csv"]
    assert cpv(story, "checkpoint", "revert").out == "at v0.1; git switch - goes back\n"
    assert story.repo.read("model.bin") == b"trained on"


def test_commands_work_for_a_repository_elsewhere(story: Story, shell: Shell) -> None:
    names = ("--team-name", "vision", "--model-name", "resnet", "--repo-path", str(story.repo.path))
    done = inside.cpv(shell.path, "model", "list-tags", *names)
    assert (done.status, done.out) == (0, "v0.0\n")
    done = inside.cpv(shell.path, "model", "list-tags", "--repo-path", "nowhere")
    assert done.status == 1
    assert done.err.startswith(f"cpv: {shell.path / 'nowhere'}: no such folder; fix: ")


def test_the_team_of_the_personal_settings_is_taken_where_none_is_named(story: Story, shell: Shell) -> None:
    assert inside.cpv(shell.path, "config", "set", "team_name", "vision").status == 0
    done = inside.cpv(shell.path, "init", "other", "--dry-run")
    assert (done.status, "storage/vision/other" in done.out) == (0, True)
    folder = str(story.repo.path.parent)
    done = inside.cpv(shell.path, "model", "list-tags", "--model-name", "resnet", "--working-dir", folder)
    assert (done.status, done.out) == (0, "v0.0\n")


def test_dry_runs_are_told_as_json(story: Story) -> None:
    story.repo.write("model.bin", "trained on")
    told = json.loads(cpv(story, "checkpoint", "create", "--dry-run", "--json").out)
    assert told["dry_run"] is True
    assert {"git", "dvc", "s3"} <= {effect["tool"] for effect in told["effects"]}
    assert story.repo.tags() == ["data-v0.0", "v0.0"]
