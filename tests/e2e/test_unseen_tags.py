"""Tags that no hook saw, whatever made them: found before they leave, by `status` and by the next commit."""

from __future__ import annotations

import json
import subprocess

import pygit2
import pytest

from e2e.conftest import Tell
from e2e.story import Story, md5, refused


def has_git_refs() -> bool:
    """Whether this Git has `git refs create`, `update` and `rename`."""
    usage = subprocess.run(["git", "refs", "-h"], capture_output=True, text=True, check=False)
    return "git refs rename" in usage.stdout + usage.stderr


NEWER = [("refs", "create", "refs/tags/{}", "HEAD"), ("refs", "rename", "refs/heads/side", "refs/tags/{}")]
MAKERS = [("tag", "{}"), ("tag", "-a", "-m", "x", "{}"), ("update-ref", "refs/tags/{}", "HEAD")]


@pytest.fixture
def pushed(live: Story) -> Story:
    """v0.0 and v0.1 are on the host; v0.2 is made here and not pushed."""
    host = live.path.parent / "host.git"
    live.git("init", "-q", "--bare", host)
    live.git("remote", "add", "origin", host)
    live.git("push", "-q", "origin", "main", "--tags")
    live.git("fetch", "-q")
    live.put("model.bin", "model 3\n")
    live.git("commit", "-qm", "third")
    assert live.tags_at() == ["v0.2"]
    return live


def by_libgit2(story: Story, name: str, rev: str = "HEAD") -> None:
    """Make or move a tag as a client on libgit2 does."""
    target = story.git("rev-parse", rev).out.strip()
    pygit2.Repository(str(story.path)).references.create(f"refs/tags/{name}", target, force=True)


def on_host(story: Story) -> dict[str, str]:
    rows = story.git("ls-remote", "--refs", "--tags", "origin").lines
    return {ref.removeprefix("refs/tags/"): oid for oid, _, ref in (row.partition("\t") for row in rows)}


@pytest.mark.parametrize("command", MAKERS + (NEWER if has_git_refs() else []), ids=" ".join)
@pytest.mark.parametrize(("name", "why"), [("v1", "'v1' is not a version"), ("v0.0.1", "is not a version")])
def test_every_verb_of_git_is_checked(live: Story, command: tuple[str, ...], name: str, why: str) -> None:
    live.git("branch", "side")
    before = live.git("for-each-ref").out
    refused(live.git(*(word.format(name) for word in command), status=None), why, "fix: git tag v0.2")
    assert live.git("for-each-ref").out == before


RENAMES = ["printf 'create %s %s\\ndelete %s\\n' $2 $(git rev-parse $1) $1 | git update-ref --stdin"]
NEWER_RENAMES = ["git refs rename $1 $2", "git -c a.b=c refs rename --message=x $1 $2"]


@pytest.mark.parametrize("script", RENAMES + (NEWER_RENAMES if has_git_refs() else []))
def test_tag_that_is_renamed(pushed: Story, script: str) -> None:
    before = pushed.git("for-each-ref").out
    for new, why in (("v0.0.1", "is not a version"), ("data-v0.0", "exist")):
        done = pushed.run("sh", "-c", script, "sh", "refs/tags/v0.2", f"refs/tags/{new}", status=None)
        refused(done, why)
    if script in NEWER_RENAMES:
        done = pushed.run("sh", "-c", script, "sh", "refs/tags/v0.1", "refs/tags/v0.3", status=None)
        refused(done, "v0.1 is published, and a published tag never moves; fix: git tag v0.3 v0.1")
    assert pushed.git("for-each-ref").out == before
    pushed.run("sh", "-c", script, "sh", "refs/tags/v0.2", "refs/tags/v1.0")
    assert pushed.tags_at() == ["v1.0"]
    pushed.git("push", "-q", "origin", "main", "v1.0")
    pushed.check()


@pytest.mark.compatibility(
    "Live status and other clients",
    "libgit2 (GitKraken, pygit2)",
    limit="its tags are checked by the next push, commit or `status`",
)
@pytest.mark.parametrize(
    ("name", "rev", "why", "fix"),
    [
        ("v0.3.1", "HEAD", "'v0.3.1' is not a version", "git tag v0.3 {head} && git tag -d v0.3.1"),
        ("v0.3.1", "origin/main", "'v0.3.1' is not a version", "git tag v0.3 {head} && git tag -d v0.3.1"),
        ("v0.0", "HEAD", "v0.0 is published as {old}, and a published tag never moves", "git tag -f v0.0 {full}"),
        ("data-v0.0.0", "HEAD", "is not a version", "git tag data-v0.2 {head} && git tag -d data-v0.0.0"),
    ],
)  # fmt: skip
def test_tag_of_a_client_without_hooks(pushed: Story, name: str, rev: str, why: str, fix: str) -> None:
    full = pushed.git("rev-parse", "v0.0").out.strip()
    head = pushed.git("rev-parse", rev).out[:10]
    why, fix = (text.format(old=full[:10], full=full, head=head) for text in (why, fix))
    before = on_host(pushed)
    by_libgit2(pushed, name, rev)
    done = pushed.git("push", "origin", "main", f"+refs/tags/{name}", status=None)
    refused(done, why, f"; fix: {fix}\n")
    assert on_host(pushed) == before
    pushed.run("sh", "-c", fix)
    pushed.git("push", "origin", "main", "--tags")
    assert on_host(pushed) == {tag: pushed.git("rev-parse", tag).out.strip() for tag in pushed.tags()}
    assert {tag: oid for tag, oid in on_host(pushed).items() if tag in before} == before
    pushed.check()


def test_backward_tag_of_a_client_without_hooks(pushed: Story) -> None:
    pushed.git("tag", "v1.0")
    by_libgit2(pushed, "v0.5")
    # Nobody has seen v1.0: the two go out together.
    assert pushed.cpv("status").out.count("tag: ") == 0
    pushed.git("push", "-q", "origin", "v1.0")
    line = (
        f"v0.5 is not higher than v1.0, which is published; fix: git tag v1.1 {pushed.head()[:10]} && git tag -d v0.5"
    )
    refused(pushed.git("push", "origin", "v0.5", status=None), f"cpv: {line}\n")
    assert "v0.5" not in on_host(pushed)


def clone(story: Story) -> Story:
    other = Story(story.path.parent / "other")
    story.git("clone", "-q", story.path.parent / "host.git", other.path)
    other.cpv("install")
    return other


def test_order_counts_against_what_the_host_has(pushed: Story) -> None:
    pushed.git("push", "-q", "origin", "main", "--tags")
    other = clone(pushed)
    pushed.git("tag", "v2.0")
    pushed.git("push", "-q", "origin", "v2.0")
    by_libgit2(other, "v1.0")
    refused(other.git("push", "origin", "v1.0", status=None), "v1.0 is not higher than v2.0, which is published")
    # What came from another remote goes on to the next one, in whatever order.
    other.git("fetch", "-q", "--tags")
    fork = pushed.path.parent / "fork.git"
    other.git("init", "-q", "--bare", fork)
    other.git("remote", "add", "fork", fork)
    other.git("push", "-q", "fork", "main", "v2.0")
    other.git("push", "-q", "fork", "v0.1", "v0.0")
    refused(other.git("push", "fork", "v1.0", status=None), "v1.0 is not higher than v2.0")


def test_tag_that_was_moved_where_nobody_noted_what_it_was(pushed: Story) -> None:
    other = clone(pushed)
    before = on_host(other)
    by_libgit2(other, "v0.0", "v0.1^{commit}")
    done = other.git("push", "--force", "origin", "v0.0", status=None)
    refused(done, f"v0.0 is published as {before['v0.0'][:10]}", f"; fix: git tag -f v0.0 {before['v0.0']}\n")
    assert on_host(other) == before


def test_published_tag_that_is_made_again_on_the_same_commit(pushed: Story) -> None:
    before = pushed.git("rev-parse", "v0.1").out
    for options in ([], ["-a", "-m", "better words"]):
        refused(pushed.git("tag", "-f", *options, "v0.1", "v0.1^{commit}", status=None), "v0.1 is published")
    assert pushed.git("rev-parse", "v0.1").out == before


@pytest.mark.parametrize("what", ["HEAD^{tree}", "HEAD:train.py"])
def test_version_that_names_no_commit(pushed: Story, what: str) -> None:
    by_libgit2(pushed, "v3.0", what)
    refused(pushed.git("push", "origin", "v3.0", status=None), "v3.0 names no commit; fix: git tag -d v3.0")
    assert "v3.0" not in on_host(pushed)


def test_version_whose_pointer_is_broken(pushed: Story) -> None:
    pushed.write("model.bin.dvc", "this is: [not YAML\n")
    pushed.git("commit", "-q", "--no-verify", "-am", "broken")
    by_libgit2(pushed, "v3.0")
    refused(pushed.git("push", "origin", "v3.0", status=None), "model.bin.dvc")
    assert "v3.0" not in on_host(pushed)


def test_version_of_a_commit_that_the_host_has_without_its_data(tell: Tell) -> None:
    story = tell("live", settings='[push]\nwhen = "push"\n')
    host = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", host)
    story.git("remote", "add", "origin", host)
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    story.git("push", "-q", "--no-verify", "origin", "main")
    oid = md5("model 3\n")
    kept = story.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
    kept.rename(tmp := story.path.parent / "kept")
    by_libgit2(story, "v1.0")
    refused(story.git("push", "origin", "v1.0", status=None), f"model.bin: object {oid} is not on the DVC")
    tmp.rename(kept)
    story.git("push", "-q", "origin", "v1.0")
    assert oid in story.stored()


def test_status_and_the_next_commit_say_it(pushed: Story) -> None:
    old = pushed.git("rev-parse", "v0.0").out.strip()
    by_libgit2(pushed, "v0.0.1")
    by_libgit2(pushed, "v0.0")
    moved = f"v0.0 is published as {old[:10]}, and a published tag never moves (here it is {pushed.head()[:10]})"
    odd = f"'v0.0.1' is not a version of this repository (vMAJOR.MINOR); fix: git tag v0.3 {pushed.head()[:10]}"
    lines = [line for line in pushed.cpv("status").lines if line.startswith("tag: ")]
    assert lines == [f"tag: {moved}; fix: git tag -f v0.0 {old}", f"tag: {odd} && git tag -d v0.0.1"]
    assert json.loads(pushed.cpv("status", "--json").out)["faults"] == [line.removeprefix("tag: ") for line in lines]
    pushed.put("model.bin", "model 4\n")
    said = pushed.git("commit", "-qm", "fourth").err
    assert f"cpv: warning: {moved}" in said and "cpv: warning: 'v0.0.1' is not a version" in said


def test_tags_of_an_older_time_go_out_as_they_are(tell: Tell) -> None:
    story = tell("live")
    host = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", host)
    story.git("remote", "add", "origin", host)
    story.empty_branch("past")
    by_libgit2(story, "v1.2.3", "past")
    assert story.cpv("status").out.count("tag: ") == 0
    story.git("push", "-q", "origin", "v1.2.3")
    assert "v1.2.3" in on_host(story)


def test_deletion_is_no_fault(pushed: Story) -> None:
    pygit2.Repository(str(pushed.path)).references.delete("refs/tags/v0.1")
    assert pushed.cpv("status").out.count("tag: ") == 0
    pushed.git("push", "-q", "origin", "main", "--tags")
    assert "v0.1" in on_host(pushed)
    pushed.put("model.bin", "model 4\n")
    pushed.git("commit", "-qm", "fourth")
    assert pushed.tags_at() == ["v0.3"], "a number that went out is not given again"
