"""DVC's own settings and commands at work in a repository that CPV looks after."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import DVC_CONFIG, Story, md5
from support.shell import Shell


@pytest.mark.compatibility("DVC", "`core.hardlink_lock`, `core.autostage`")
def test_locks_that_are_links(tell: Tell) -> None:
    """`core.hardlink_lock`, for file systems without `flock`: neither tool leaves a lock that keeps the other out."""
    config = DVC_CONFIG.replace("[core]\n", "[core]\n    hardlink_lock = true\n    autostage = true\n")
    story = tell("live", files={".dvc/config": config})
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    story.cpv("prune", "--yes")
    story.put("model.bin", "model 4\n")
    story.dvc("add", "-q", "model.bin")
    assert story.git("status", "--porcelain").text == "M  model.bin.dvc\n"
    story.git("commit", "-qm", "fourth")
    assert story.tags_at() == ["v0.3"]
    story.check()


YAML = "# ours\nstages:\n    nothing:\n        cmd:  echo\n"


def fetched(story: Story, *words: str) -> str:
    """What plain `dvc artifacts get` brings of the model that a Git host has."""
    away = Shell(story.path.parent)
    away.dvc("artifacts", "get", "-q", "-f", "-o", "got", *words, "host", "resnet")
    return (away.path / "got").read_text()


@pytest.mark.compatibility("DVC", "`artifacts:` of `dvc.yaml`, `dvc artifacts get`")
def test_models_are_in_dvc_yaml(tell: Tell, tmp_path: Path) -> None:
    """`init` names them there; a promotion, or an annotated tag in GTO's form, makes versions that DVC finds."""
    config = DVC_CONFIG.replace("../../storage", str(tmp_path / "story/storage"))
    story = tell("live", files={"dvc.yaml": YAML, ".dvc/config": config}, settings="[stages]\nproduction = {}\n")
    story.cpv("init")
    named = "artifacts:\n  resnet:\n    path: model.bin\n    type: model\n"
    assert story.read("dvc.yaml").decode() == YAML + named
    assert story.git("log", "-1", "--format=%s").out == "Version checkpoints with CPV\n"
    assert "nothing to do" in story.cpv("init").text
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    story.put("model.bin", "model 4\n")
    story.git("commit", "-qm", "fourth")
    story.cpv("promote", "v0.2", "production")
    story.git("init", "-q", "--bare", "../host")
    story.git("remote", "add", "origin", "../host")
    story.git("push", "-q", "--tags", "origin", "main")
    assert fetched(story, "--stage", "production") == "model 3\n"
    assert fetched(story, "--rev", "v0.2.0") == "model 3\n"
    story.git("tag", "-a", "-m", "released", "resnet@v1.0.0")
    story.git("push", "-q", "--tags", "origin")
    assert fetched(story) == "model 4\n"


def test_a_new_model_gets_its_entry_with_its_pointer(tell: Tell) -> None:
    """What else the user is at in `dvc.yaml` stays unstaged; a repository without the section gets none."""
    text = YAML + "artifacts:\n  mine:\n    path: model.bin\n"
    story = tell("live", files={"dvc.yaml": text})
    story.write(".cpv.toml", story.read(".cpv.toml").replace(b'["model.bin"]', b'["model.bin", "*.onnx"]'))
    story.git("commit", "-qam", "more models")
    story.write("dvc.yaml", "# half done\n" + text)
    story.put("b.onnx", "an onnx\n")
    story.git("commit", "-qm", "an onnx")
    entry = "  resnet:\n    path: b.onnx\n    type: model\n"
    assert story.git("show", "HEAD:dvc.yaml").out == text + entry
    assert story.read("dvc.yaml").decode() == "# half done\n" + text + entry
    story.put("c.onnx", "another\n")
    story.git("add", "-A")
    story.git("commit", "-qm", "another")
    assert story.git("show", "HEAD:dvc.yaml").out.endswith(entry + "  resnet-c:\n    path: c.onnx\n    type: model\n")
    story.agree()
    story.write("dvc.yaml", YAML)
    story.put("d.onnx", "one more\n")
    story.git("add", "-A")
    story.git("commit", "-qm", "one more")
    assert story.git("show", "HEAD:dvc.yaml").out == YAML


@pytest.mark.compatibility("DVC", "`dvc gc`: no version loses its only copy")
def test_gc_takes_no_only_copy(tell: Tell) -> None:
    """What waits for its upload is uploaded first, or nothing goes; what goes from the remote too is said."""
    story = tell("live")
    story.git("init", "-q", "--bare", "../host")
    story.git("remote", "add", "origin", "../host")
    (story.path.parent / "storage").rename(story.path.parent / "away")
    (story.path.parent / "storage").touch()
    for number in (3, 4):
        story.put("model.bin", f"model {number}\n")
        story.git("commit", "-qm", str(number))
    refused = story.dvc("gc", "-w", "-f", status=1).err
    assert refused.startswith("cpv: ")
    assert "Removed" not in refused
    third = md5("model 3\n")
    assert third in story.cached()
    (story.path.parent / "storage").unlink()
    (story.path.parent / "away").rename(story.path.parent / "storage")
    assert "Removed" in story.dvc("gc", "-w", "-f").text
    assert third not in story.cached()
    story.git("checkout", "-q", "v0.2")
    assert story.read("model.bin") == b"model 3\n"
    story.git("checkout", "-q", "main")
    said = story.dvc("gc", "-w", "-c", "-f").err
    assert (
        "cpv: warning: data-v0.0, data-v0.1, v0.0 and 2 more: their data goes from the remote too, and nobody has it"
        " then; fix: answer n (dvc gc -w -T keeps what tags need)\n"
    ) in said
    refused = story.git("push", "-q", "origin", "v0.2", status=1).err
    assert f"model.bin: object {third} is not on the DVC remote" in refused
    assert "cpv" not in story.dvc("gc", "-w", "-T", "-f").text
