"""The main job on a real S3 server, in every mode of installation."""

from __future__ import annotations

import pytest
import yaml

from e2e.story import Story
from support.seaweed import Server
from support.shell import Shell


@pytest.fixture
def bucket(s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return s3_server.make_bucket()


def on_s3(story: Story, bucket: str, s3_server: Server) -> None:
    """Move the story's remote to S3; the secrets stay in the environment."""
    remote = f"[core]\n    remote = s3\n['remote \"s3\"']\n    url = s3://{bucket}/vision/resnet\n    verify = true\n"
    story.write(".dvc/config", remote + f"    endpointurl = {s3_server.endpoint_url}\n")
    story.git("commit", "-qm", "Storage on S3", "--", ".dvc/config")


def objects(story: Story, rev: str) -> set[str]:
    """The objects that a version's pointers name."""
    files = story.git("ls-tree", "-r", "--name-only", rev).lines
    texts = (story.git("show", f"{rev}:{file}").out for file in files if file.endswith(".dvc"))
    return {yaml.safe_load(text)["outs"][0]["md5"] for text in texts}


@pytest.mark.compatibility("Remotes", "S3 (SeaweedFS)")
def test_commit_tag_checkout_and_clone_on_s3(any_story: Story, bucket: str, s3_server: Server) -> None:
    story = any_story
    on_s3(story, bucket, s3_server)
    story.train(3)
    story.git("commit", "-qm", "third")
    version = story.tags_at()[0]
    story.check()
    uploaded = {"".join(key.split("/")[-2:]) for key in s3_server.keys(bucket, "vision/resnet/files/md5/")}
    assert objects(story, "HEAD") <= uploaded
    story.git("tag", "v5.0")
    story.git("checkout", "-q", "v0.0")
    assert story.read("model.bin") == b"model 1\n"
    story.git("checkout", "-q", version)
    assert story.read("model.bin") == b"model 3\n"
    story.git("clone", "-q", "--branch", "main", ".", "../clone")
    clone = Shell(story.path.parent / "clone")
    clone.dvc("pull", "-q")
    assert clone.read("model.bin") == b"model 3\n"
    assert clone.read("data/a.csv") == b"a 3\n"
    clone.git("fsck", "--full", "--strict", "--no-dangling")


def test_a_push_waits_for_the_data(story: Story, bucket: str, s3_server: Server) -> None:
    """With `[push] when = push` the commit uploads nothing and the push does, before any reference leaves."""
    on_s3(story, bucket, s3_server)
    story.write(".cpv.toml", story.read(".cpv.toml").decode() + '[push]\nwhen = "push"\n')
    story.train(3)
    story.git("commit", "-qam", "third")
    assert s3_server.keys(bucket) == {}
    story.git("init", "-q", "--bare", "../host.git")
    story.git("push", "-q", "../host.git", "main")
    uploaded = {"".join(key.split("/")[-2:]) for key in s3_server.keys(bucket)}
    assert objects(story, "HEAD") <= uploaded
