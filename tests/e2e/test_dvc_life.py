"""DVC's own settings and commands at work in a repository that CPV looks after."""

from __future__ import annotations

import json
import subprocess
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


def test_the_entry_of_a_model_follows_it(tell: Tell) -> None:
    """By `dvc move`, and by `git mv` of its folder; a commit of named paths leaves the user's staging to the user."""
    text = YAML + "artifacts:\n    ours:\n        path: 'model.bin' # it\n"
    story = tell("live", files={"dvc.yaml": text})
    story.dvc("move", "-q", "model.bin", "small.bin")
    story.git("add", "-A")
    story.git("commit", "-qm", "moved")
    text = text.replace("model.bin", "small.bin")
    assert story.git("show", "HEAD:dvc.yaml").out == story.read("dvc.yaml").decode() == text
    story.write("dvc.yaml", "# half done\n" + text)
    (story.path / "nets").mkdir()
    story.dvc("move", "-q", "small.bin", "nets/small.bin")
    story.put("nets/small.bin", "trained since\n")
    story.git("commit", "-qam", "moved and trained")
    text = text.replace("small.bin", "nets/small.bin")
    assert story.git("show", "HEAD:dvc.yaml").out == story.read("dvc.yaml").decode() == "# half done\n" + text
    story.git("mv", "nets", "models")
    story.git("commit", "-qm", "named", "nets", "models")
    text = "# half done\n" + text.replace("nets/", "models/")
    assert story.read("dvc.yaml").decode() == text
    assert story.git("status", "--porcelain").text == " M dvc.yaml\n"
    story.git("commit", "-qam", "the entry")
    assert story.git("show", "HEAD:dvc.yaml").out == text
    story.agree()


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
        "cpv: warning: data-v0.0, data-v0.1, v0.0 and 2 more: their data would go from the remote too, and then"
        " nobody has it; fix: answer n (dvc gc -w -T keeps what tags need)\n"
    ) in said
    refused = story.git("push", "-q", "origin", "v0.2", status=1).err
    assert f"model.bin: object {third} is not on the DVC remote" in refused
    # Here `dvc cpv sync` alone would find nothing.
    assert "; fix: dvc cpv sync in a clone that still has it, then push again\n" in refused
    assert "cpv" not in story.dvc("gc", "-w", "-T", "-f").text


@pytest.mark.compatibility("DVC", "an artifact that is a link into the cache, written through")
@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_writing_through_a_link(tell: Tell, kind: str) -> None:
    """The new content gets its own name, and the old one comes from the remote, or it is said that nobody has it."""
    story = tell("live", files={".dvc/config": DVC_CONFIG + f"[cache]\n    type = {kind}\n"})
    story.git("checkout", "-q", "v0.0")
    story.git("checkout", "-q", "main")
    artifact, old = story.path / "model.bin", md5("model 2\n")
    kept = story.path / ".dvc/cache/files/md5" / old[:2] / old[2:]
    assert artifact.samefile(kept)
    for name, content in (("model.bin", "model 3"), ("data/a.csv", "a 3")):
        # Root writes to what is read-only.
        with open(story.path / name, "r+") as stream:
            stream.write(content)
    assert story.git("status", "--porcelain").text == " M data.dvc\n M model.bin.dvc\n"
    said = story.git("commit", "-qm", "third").err
    for name in ("data", "model.bin"):
        line = "was written through its link into DVC's cache; a checkout brings what it was before from the remote"
        assert f"cpv: {name} {line}\n" in said
    assert story.saved("model.bin", "model 3\n")
    assert md5("model 3\n") in story.stored()
    if kind == "symlink":
        # What repairs the object does not change the artifact.
        story.cpv("verify", "--all", "--repair")
        assert kept.read_bytes() == b"model 2\n"
        assert story.read("model.bin") == b"model 3\n"
        story.agree()
    story.git("checkout", "-q", "v0.1")
    assert story.read("model.bin") == kept.read_bytes() == b"model 2\n"
    assert story.read("data/a.csv") == b"a 2\n"
    story.git("checkout", "-q", "main")
    assert story.read("model.bin") == b"model 3\n"
    story.check()
    # The same where the old content was nowhere else.
    now = story.path / ".dvc/cache/files/md5" / md5("model 3\n")[:2] / md5("model 3\n")[2:]
    (story.path.parent / "storage/files/md5" / md5("model 3\n")[:2] / md5("model 3\n")[2:]).unlink()
    now.chmod(0o644)
    with open(artifact, "r+") as stream:
        stream.write("model 4")
    said = story.git("commit", "-qm", "fourth").err
    assert (
        "cpv: warning: model.bin: was written through its link into DVC's cache: neither that nor the remote has object"
        f" {md5('model 3' + chr(10))} now; fix: dvc push in a clone that still has it; dvc unprotect model.bin before"
        " it is written again\n"
    ) in said
    assert story.saved("model.bin", "model 4\n")
    said = story.git("checkout", "-q", "v0.2", status=1).err
    assert f"model.bin: neither the cache nor the remote has object {md5('model 3' + chr(10))}" in said
    assert story.read("model.bin") == b"model 4\n"


PIPELINE = """stages:
  train:
    cmd: cp params.yaml out.bin && cat data/a.csv > plain.txt && echo 1 > acc.json
    deps: [data]
    params: [lr]
    outs:
    - out.bin
    - plain.txt:
        cache: false
    metrics:
    - acc.json:
        cache: false
"""
# What DVC's VS Code extension asks, all the time.
EDITOR = (
    ("exp", "show", "--json"),
    ("data", "status", "--granular", "--unchanged", "--json"),
    ("plots", "diff", "workspace", "main", "--json"),
)


@pytest.mark.compatibility(
    "DVC",
    "`dvc exp run`, `save`, `apply`, `branch`, `push`, `pull`, `remove`",
    "`dvc diff`, `dvc get`, `dvc data status`",
    "`dvc repro`",
    "what DVC's VS Code extension asks",
)
def test_experiments_between_commits(tell: Tell) -> None:
    story = tell("live", files={"dvc.yaml": PIPELINE, "params.yaml": "lr: 1\n"})
    story.git("init", "-q", "--bare", "../host")
    story.git("remote", "add", "origin", "../host")
    story.dvc("repro", "-q")
    story.git("add", "-A")
    assert story.git("commit", "-qm", "a pipeline").text == "cpv: tagged v0.2\n"
    story.write("params.yaml", "lr: 2\n")
    story.put("model.bin", "model 3\n")
    story.put("data/a.csv", "a 3\n")
    story.dvc("exp", "run", "-q", "-n", "e1")
    for words in EDITOR:
        json.loads(story.dvc(*words).out)
    asked = subprocess.Popen(["dvc", *EDITOR[1]], cwd=story.path, stdout=-1, stderr=-1, text=True)
    assert story.git("commit", "-qam", "kept").text == "cpv: tagged v0.3 data-v0.2\n"
    out, err = asked.communicate()
    assert json.loads(out) and err == ""
    story.agree()
    story.write("params.yaml", "lr: 3\n")
    story.put("model.bin", "model 4\n")
    story.dvc("exp", "run", "-q", "--temp", "-n", "e2")
    story.dvc("exp", "push", "-q", "origin", "e2")
    story.dvc("exp", "remove", "-q", "e2")
    story.dvc("exp", "pull", "-q", "origin", "e2")
    story.git("commit", "-qam", "not kept")
    story.git("reset", "-q", "--hard", "HEAD^")
    story.dvc("exp", "apply", "-q", "e2")
    assert story.read("out.bin") == b"lr: 3\n"
    assert story.read("model.bin") == b"model 4\n"
    story.dvc("exp", "branch", "-q", "e2", "tried")
    story.dvc("exp", "save", "-q", "-n", "e3")
    assert "e3" in story.dvc("exp", "list", "--name-only").text
    assert {row["path"] for row in json.loads(story.dvc("diff", "--json", "main").out)["modified"]} >= {"model.bin"}
    story.dvc("get", "-q", ".", "model.bin", "--rev", "v0.0", "-o", "../first.bin")
    assert (story.path.parent / "first.bin").read_bytes() == b"model 1\n"
    story.git("stash", "-q")
    story.agree()
    story.git("checkout", "-q", "tried")
    assert story.read("out.bin") == b"lr: 3\n"
    assert "cpv" not in story.dvc("status").text
    story.git("checkout", "-q", "main")
    story.check()
    assert story.tags_at("tried") == []


@pytest.mark.compatibility("DVC", "`dvc gc`: rescues and stashes stay")
def test_gc_takes_nothing_unsaved(tell: Tell) -> None:
    """`--not-in-remote` keeps no more than the other options do."""
    story = tell("live", settings='[push]\nwhen = "never"\n')
    story.put("model.bin", "rescued\n")
    assert story.changes() == [" M model.bin.dvc"]
    story.git("checkout", "-q", "-f", "HEAD")
    story.put("data/a.csv", "stashed\n")
    story.git("stash", "-q")
    for options in (["-w"], ["-w", "--not-in-remote"], ["-A"], ["-w", "-c"]):
        story.dvc("gc", "-f", *options)
        assert {md5("rescued\n"), md5("stashed\n")} <= story.cached()
    story.git("stash", "pop", "-q")
    story.cpv("rescue", "restore", "1")
    assert story.read("data/a.csv") == b"stashed\n"
    assert story.read("model.bin") == b"rescued\n"
    for number in (3, 4):
        story.put("model.bin", f"model {number}\n")
        story.git("commit", "-qm", str(number))
    refused = story.dvc("gc", "-f", "-w", "--not-in-remote", status=1).err
    assert "cpv: " in refused
    assert "the cache has the only copy of " in refused
    assert md5("model 3\n") in story.cached()
    # Nor does a commit without a number, which a push is yet to publish.
    story.git("tag", "-d", "v0.2")
    assert "the cache has the only copy of " in story.dvc("gc", "-f", "-w", "-T", status=1).err
    assert md5("model 3\n") in story.cached()
