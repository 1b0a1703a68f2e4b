"""Hooks that did not run: what they would have seen to is said, and made up for at the next chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import Story, md5

LOUD = "had been pushed without CPV's check: what they point to is on the DVC remote now"
BYPASS = ("-c", "core.hooksPath=/dev/null")
INSTEAD = "not CPV's: commits are not versioned and pushes not checked; fix: dvc cpv install"


def host(story: Story) -> Path:
    path = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", path)
    story.git("remote", "add", "origin", path)
    story.git("push", "-q", "origin", "main", "--tags")
    return path


def commit(story: Story, content: str, *options: str) -> str:
    """A commit of data by DVC and Git; returns the object that it names."""
    story.put("model.bin", content)
    story.dvc("add", "-q", "model.bin")
    story.git(*options, "commit", "-qam", content)
    return md5(content)


# Data of pushes


@pytest.mark.compatibility("Live status and other clients", "a Git that runs no hooks")
@pytest.mark.parametrize("push", [[*BYPASS, "push"], ["push", "--no-verify"]])
def test_data_of_a_bypassed_push_goes_up_with_the_next_one(tell: Tell, push: list[str]) -> None:
    story = tell("live")
    host(story)
    lost = commit(story, "model 3\n", *BYPASS)
    story.git(*push, "-q", "origin", "main")
    assert lost not in story.stored()
    kept = commit(story, "model 4\n")
    done = story.git("push", "origin", "main")
    assert {lost, kept} <= story.stored()
    assert f"1 commit {LOUD}" in done.text
    assert "CPV's check" not in story.git("push", "origin", "main").text


def test_a_push_from_before_an_uninstallation_is_not_said_to_lack_the_check(tell: Tell) -> None:
    story = tell("live")
    host(story)
    commit(story, "model 3\n")
    story.git("push", "-q", "origin", "main")
    story.cpv("uninstall")
    said = story.cpv("install").text
    assert "CPV's check" not in said
    assert "had been pushed of which CPV has no record: what they point to is on the DVC remote now" in said


@pytest.mark.parametrize("verb", ["sync", "install"])
def test_data_of_a_bypassed_push_goes_up_with_a_command(tell: Tell, verb: str) -> None:
    story = tell("live", settings='[push]\nwhen = "push"\n')
    host(story)
    lost = [commit(story, f"model {number}\n", *BYPASS) for number in (3, 4)]
    story.git("push", "-q", "--no-verify", "origin", "main")
    assert f"2 commits {LOUD}" in story.cpv(verb).text
    assert set(lost) <= story.stored()
    assert "CPV's check" not in story.cpv(verb).text


def test_a_push_with_nothing_new_looks_at_the_one_before_it(tell: Tell) -> None:
    story = tell("live")
    host(story)
    lost = commit(story, "model 3\n", *BYPASS)
    story.git(*BYPASS, "push", "-q", "origin", "main")
    assert f"1 commit {LOUD}" in story.git("push", "origin", "main").text
    assert lost in story.stored()


def test_what_a_fetch_brings_does_not_hide_a_bypassed_push(tell: Tell) -> None:
    story = tell("live")
    path = host(story)
    lost = commit(story, "model 3\n", *BYPASS)
    story.git(*BYPASS, "push", "-q", "origin", "main")
    story.git("clone", "-q", path, "../colleague")
    story.git("-C", "../colleague", "commit", "-q", "--allow-empty", "-m", "on top of it")
    story.git("-C", "../colleague", "push", "-q")
    story.git(*BYPASS, "pull", "-q", "--ff-only", "origin", "main")
    assert f"1 commit {LOUD}" in story.cpv("sync").text
    assert lost in story.stored()


def test_what_others_pushed_is_theirs(tell: Tell) -> None:
    """A colleague without CPV has not pushed the data: a push from here is not stopped and asks for nothing of it."""
    story = tell("live")
    path = host(story)
    story.git("clone", "-q", path, "../colleague")
    pointer = story.path.parent / "colleague/model.bin.dvc"
    pointer.write_text(pointer.read_text().replace(md5("model 2\n"), md5("never seen\n")))
    story.git("-C", "../colleague", "commit", "-qam", "pointer alone")
    pointer.write_text(pointer.read_text().replace(md5("never seen\n"), md5("model 2\n")))
    story.git("-C", "../colleague", "commit", "-qam", "back")
    story.git("-C", "../colleague", "push", "-q")
    story.git("pull", "-q", "--ff-only", "origin", "main")
    commit(story, "model 3\n")
    assert "CPV's check" not in story.git("push", "origin", "main").text
    assert story.cpv("sync").status == 0


def test_a_push_to_an_address_is_compared_too(tell: Tell) -> None:
    """Git keeps no remote-tracking refs for a remote that has no name."""
    story = tell("live")
    path = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", path)
    story.git("push", "-q", path, "main")
    lost = commit(story, "model 3\n", *BYPASS)
    story.git(*BYPASS, "push", "-q", path, "main")
    commit(story, "model 4\n")
    assert f"1 commit {LOUD}" in story.git("push", path, "main").text
    assert lost in story.stored()


def test_what_nobody_has_any_more_is_said_and_stops_no_other_push(tell: Tell) -> None:
    story = tell("live")
    host(story)
    lost = commit(story, "model 3\n", *BYPASS)
    story.git(*BYPASS, "push", "-q", "origin", "main")
    commit(story, "model 4\n", *BYPASS)
    (story.path / ".dvc/cache/files/md5" / lost[:2] / lost[2:]).unlink()
    done = story.git("push", "origin", "main")
    line = f"model.bin: object {lost} was pushed without CPV's check and is not on the DVC remote"
    assert line in done.text
    assert line in story.cpv("sync", status=1).text


@pytest.mark.compatibility("Live status and other clients", "a Git that runs no hooks")
def test_a_commit_without_hooks_is_uploaded_by_sync(tell: Tell) -> None:
    story = tell("live")
    oids = [commit(story, f"model {number}\n", *BYPASS) for number in (3, 4)]
    story.cpv("sync")
    assert set(oids) <= story.stored()


# Another tool's hooks


def husky(story: Story) -> str:
    """What husky 9 does at every `npm install`."""
    for name in ("pre-commit", "post-commit", "pre-push", "commit-msg"):
        story.write(f".husky/_/{name}", f'#!/usr/bin/env sh\necho "husky {name}"\n').chmod(0o755)
    story.write(".husky/_/.gitignore", "*")
    story.git("config", "core.hooksPath", ".husky/_")
    return f".husky/_: Git runs the hooks of this folder (core.hooksPath) and {INSTEAD}"


def lefthook(story: Story) -> str:
    """What `lefthook install` does: it renames the hook that it finds and calls it no more."""
    for name in ("pre-commit", "post-commit", "pre-push"):
        hook = story.path / ".git/hooks" / name
        hook.rename(f"{hook}.old")
        story.write(f".git/hooks/{name}", f"#!/bin/sh\necho 'lefthook {name}'\n: call_lefthook\n").chmod(0o755)
    what = "CPV does not run at pre-commit, post-commit, pre-push: another tool's hook took its place"
    return f"{story.path}/.git/hooks: {what}; fix: dvc cpv install"


def removed(story: Story) -> str:
    for name in ("pre-commit", "post-commit", "pre-push"):
        (story.path / ".git/hooks" / name).unlink()
    what = "CPV does not run at pre-commit, post-commit, pre-push: the hook was removed"
    return f"{story.path}/.git/hooks: {what}; fix: dvc cpv install"


def not_executable(story: Story) -> str:
    for name in ("pre-commit", "post-commit", "pre-push"):
        (story.path / ".git/hooks" / name).chmod(0o644)
    what = "CPV does not run at pre-commit, post-commit, pre-push: the hook is not executable"
    return f"{story.path}/.git/hooks: {what}; fix: dvc cpv install"


@pytest.mark.compatibility(
    "Hook managers",
    "a manager that takes the hooks over later",
    limit="the next command reports what was missed and makes up for it",
)
@pytest.mark.parametrize("take_over", [husky, lefthook, removed, not_executable])
def test_hooks_that_were_taken_over_are_said_and_made_up_for(tell: Tell, take_over: object) -> None:
    story = tell("live")
    host(story)
    assert story.git("status", "--porcelain").text == ""
    line = f"cpv: warning: {take_over(story)}"  # type: ignore[operator]
    for _ in range(2):
        assert line in story.git("status").err
    assert line in story.cpv("status").err
    story.put("model.bin", "model 3\n")
    assert line in story.git("commit", "-qam", "third").err
    assert story.tags_at() == []
    story.git("push", "-q", "origin", "main")
    assert md5("model 3\n") not in story.stored()
    story.put("model.bin", "model 4\n")
    story.git("commit", "-qam", "fourth")
    done = story.cpv("install")
    assert f"1 commit {LOUD}" in done.text
    assert "tagged v0.2 v0.3" in done.text
    assert {md5("model 3\n"), md5("model 4\n")} <= story.stored()
    assert [story.tags_at("HEAD~1"), story.tags_at()] == [["v0.2"], ["v0.3"]]
    assert "cpv" not in story.git("status").err
    story.put("model.bin", "model 5\n")
    story.git("commit", "-qm", "fifth")
    assert story.tags_at() == ["v0.4"]
    story.git("push", "-q", "origin", "main")


def test_hooks_that_run_again_by_themselves_make_up_for_it(tell: Tell) -> None:
    """The user takes the other tool's setting out; the next commit does what was missed."""
    story = tell("live")
    host(story)
    husky(story)
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qam", "third")
    story.git("push", "-q", "origin", "main")
    story.git("config", "--unset", "core.hooksPath")
    assert "CPV's hooks did not run for a while" in story.git("status").err
    story.put("model.bin", "model 4\n")
    done = story.git("commit", "-m", "fourth")
    assert "tagged v0.2 v0.3" in done.text
    assert {md5("model 3\n"), md5("model 4\n")} <= story.stored()
    assert "cpv" not in story.git("status").err


def test_a_version_whose_tag_was_deleted_gets_none_again(tell: Tell) -> None:
    story = tell("live")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    story.git("tag", "-d", "v0.2")
    husky(story)
    story.git("status")
    story.cpv("install")
    assert story.tags_at() == []


def test_doctor_names_the_folder_whose_hooks_run_instead(tell: Tell) -> None:
    story = tell("live")
    husky(story)
    done = story.cpv("doctor", status=1)
    assert "fail  core.hooksPath: .husky/_ (CPV's hooks are in .git/hooks)" in done.text
