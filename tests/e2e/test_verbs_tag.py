"""`git tag`, and tags that come by other ways."""

from __future__ import annotations

import pytest

from e2e.conftest import Tell
from e2e.story import Story, refused


@pytest.mark.parametrize("options", [[], ["-a", "-m", "a release"]])
def test_version_of_ours(story: Story, options: list[str]) -> None:
    story.git("tag", *options, "v1.0")
    assert "v1.0" in story.tags()
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert story.tags_at() == ["v1.1"], "the next automatic one counts on from there"
    story.check()


@pytest.mark.parametrize("name", ["v1", "v1.2.3", "v01.0", "v1.x", "data-v1", "v0.0.1"])
def test_malformed_version_is_refused(story: Story, name: str) -> None:
    before = story.tags()
    refused(story.git("tag", name, status=None), name)
    assert story.tags() == before


def test_duplicate_is_refused(story: Story) -> None:
    before = story.git("show-ref", "--tags").out
    refused(story.git("tag", "v0.0", "v0.1", status=None), "already exists")
    assert story.git("show-ref", "--tags").out == before


def test_published_version_never_moves(story: Story) -> None:
    """`git tag -f` moves what nobody has seen, as Git says; what was pushed stays."""
    host = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", host)
    story.git("remote", "add", "origin", host)
    story.git("push", "-q", "--tags", "origin", "main")
    before = story.git("show-ref", "--tags").out
    refused(story.git("tag", "-f", "v0.0", "v0.1", status=None), "v0.0 is published")
    assert story.git("show-ref", "--tags").out == before
    story.git("commit", "-q", "--allow-empty", "-m", "not pushed")
    story.git("tag", "v1.0")
    story.git("commit", "-q", "--allow-empty", "-m", "nor this")
    story.git("tag", "-f", "v1.0")
    assert "v1.0" in story.tags_at()


def test_backward_version_is_refused(story: Story) -> None:
    story.git("tag", "v2.0")
    before = story.tags()
    refused(story.git("tag", "v1.5", status=None), "v1.5")
    assert story.tags() == before


@pytest.mark.parametrize("name", ["release-1", "vision", "version-1.0", "paper/neurips", "v", "2024.1"])
def test_foreign_names_are_none_of_our_business(story: Story, name: str) -> None:
    assert story.git("tag", name).text == ""
    assert name in story.tags()
    assert story.git("tag", "-d", name).err == ""


def test_commit_with_a_broken_pointer_is_not_tagged(story: Story) -> None:
    story.write("model.bin.dvc", "this is: [not YAML\n")
    story.git("commit", "-q", "--no-verify", "-am", "broken")
    refused(story.git("tag", "v1.0", status=None), "model.bin.dvc")
    assert "v1.0" not in story.tags()


def test_an_old_commit_can_get_a_foreign_tag(story: Story) -> None:
    assert story.git("tag", "paper", "v0.0").text == ""


def test_tag_uploads_the_data_of_its_commit(tell: Tell) -> None:
    story = tell("live", settings='[push]\nwhen = "push"\n')
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert story.stored() < story.cached(), "the policy says: with the push"
    host = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", host)
    story.git("push", "-q", host, "main")
    assert story.stored() == story.cached()


def test_fetch_of_odd_tags_never_fails(story: Story, tell: Tell) -> None:
    host = story.path.parent / "host.git"
    story.git("clone", "-q", "--bare", ".", host)
    odd = ["v1", "v0.0.0", "v9.x", "data-vv", "v00.1", "v99.99"]
    for name in odd:
        story.git("--git-dir", host, "tag", name, "main")
    story.git("remote", "add", "origin", host)
    done = story.git("fetch", "--tags", "origin")
    assert "cpv" not in done.text.replace(str(story.path), "")
    assert set(odd) <= set(story.tags())
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert story.tags_at() == ["v99.100"]
    story.git("pack-refs", "--all")
    story.git("gc", "-q")
    story.check()


def test_pack_refs_and_deletion_are_no_new_versions(story: Story) -> None:
    before = story.tags()
    assert story.git("pack-refs", "--all").text == ""
    assert story.tags() == before
    story.git("tag", "-d", "v0.1")
    assert story.tags() == [tag for tag in before if tag != "v0.1"]
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert len(story.tags_at()) == 1


def test_published_tag_stays_when_its_commit_is_amended(live: Story) -> None:
    host = live.path.parent / "host.git"
    live.git("init", "-q", "--bare", host)
    live.git("remote", "add", "origin", host)
    live.put("model.bin", "model 3\n")
    live.git("commit", "-qm", "third")
    live.git("push", "-q", "-u", "origin", "main")
    old = live.head()
    live.put("model.bin", "model 4\n")
    live.git("commit", "-q", "--amend", "-m", "third, again")
    assert live.git("rev-parse", "v0.2^{commit}").out.strip() == old
    assert live.tags_at() == ["v0.3"], "the amended commit is a checkpoint of its own"
    live.check()


def test_tag_of_the_user_is_not_moved(story: Story) -> None:
    story.git("tag", "v1.0")
    old = story.head()
    story.put("model.bin", "model 3\n")
    story.git("commit", "-q", "--amend", "-m", "amended")
    assert story.git("rev-parse", "v1.0^{commit}").out.strip() == old
