"""Pointers that a rule of Git hides: no commit can hold them, so their artifacts are refused, and stay in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import Story, md5, refused

NAMED = 'extra = ["outputs/best.pt", "deep/er"]\n'
GLOBS = 'extra = ["outputs/*.pt", "d*/er"]\n'
RULES = {
    "folder": (".gitignore", "outputs/"),
    "beside it": ("outputs/.gitignore", "best.*"),
    "exclude": (".git/info/exclude", "outputs/*"),
    "every pointer": (".git/info/exclude", "*.dvc"),
}


def begin(tell: Tell, mode: str = "live", settings: str = NAMED) -> Story:
    return tell(mode, settings=settings)


def ignore(story: Story, file: str, rule: str) -> None:
    path = story.path / file
    before = path.read_text() if path.exists() else ""
    story.write(file, f"{before}{rule}\n")


@pytest.mark.parametrize("mode", ["live", "shims", "pre-commit"])
@pytest.mark.parametrize("rule", RULES)
def test_a_commit_of_a_hidden_pointer_is_refused(tell: Tell, mode: str, rule: str) -> None:
    story = begin(tell, mode, GLOBS if rule == "folder" else NAMED)
    head = story.head()
    ignore(story, *RULES[rule])
    story.put("outputs/best.pt", "best 1\n")
    story.put("model.bin", "model 3\n")
    done = story.git("commit", "-qam", "third", status=1)
    refused(done, "outputs/best.pt.dvc: Git ignores this pointer", RULES[rule][1], "so no commit can hold it")
    assert story.head() == head
    assert not (story.path / "outputs/best.pt.dvc").exists()
    for rev in ("v0.0", "v0.1"):
        story.git("stash", "-q")
        story.git("checkout", "-q", rev)
        assert story.read("outputs/best.pt") == b"best 1\n"
    story.nothing_is_lost()


def test_a_folder_whose_pointer_is_hidden(tell: Tell) -> None:
    story = begin(tell)
    ignore(story, ".gitignore", "/deep/")
    story.put("deep/er/part-1", "one\n")
    refused(story.git("commit", "-qam", "third", status=1), "deep/er.dvc: Git ignores this pointer")
    story.git("checkout", "-q", "-f", "v0.0")
    assert story.read("deep/er/part-1") == b"one\n"


def test_status_and_doctor_name_it(tell: Tell) -> None:
    story = begin(tell)
    ignore(story, ".gitignore", "outputs/")
    story.put("outputs/best.pt", "best 1\n")
    assert "outputs/best.pt.dvc: Git ignores this pointer (.gitignore line" in story.cpv("status").text
    assert "outputs/best.pt.dvc: Git ignores this pointer (.gitignore line" in story.cpv("doctor", status=1).text


def test_a_rule_of_the_user_counts(tell: Tell, tmp_path: Path) -> None:
    story = begin(tell)
    story.write("../ignores", "*.pt.dvc\n")
    story.git("config", "core.excludesFile", tmp_path / "story/ignores")
    story.put("outputs/best.pt", "best 1\n")
    refused(story.git("commit", "-qam", "third", status=1), "outputs/best.pt.dvc: Git ignores", "story/ignores line 1")


def test_without_the_rule_it_is_tracked(tell: Tell) -> None:
    story = begin(tell)
    ignore(story, ".git/info/exclude", "outputs/\n!outputs/keep")
    story.put("outputs/best.pt", "best 1\n")
    story.git("commit", "-qm", "third", status=1)
    story.write(".git/info/exclude", "outputs/*\n!outputs/*.dvc\n")
    story.git("commit", "-qm", "third")
    assert story.saved("outputs/best.pt", "best 1\n")
    story.git("checkout", "-q", "v0.0")
    assert not (story.path / "outputs/best.pt").exists()
    story.git("checkout", "-q", "main")
    assert story.read("outputs/best.pt") == b"best 1\n"
    story.agree()


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_a_rule_that_comes_after_the_pointer(tell: Tell, mode: str) -> None:
    """The pointer was written, by a status, and is hidden before any commit took it."""
    story = begin(tell, mode)
    story.put("outputs/best.pt", "best 1\n")
    story.cpv("sync")
    assert (story.path / "outputs/best.pt.dvc").exists()
    ignore(story, ".git/info/exclude", "outputs/")
    refused(story.git("commit", "-qm", "third", status=1), "outputs/best.pt.dvc: Git ignores this pointer")
    for rev in ("v0.0", "main"):
        story.git("checkout", "-q", rev)
        assert story.read("outputs/best.pt") == b"best 1\n"
    assert "outputs/best.pt.dvc: Git ignores this pointer" in story.cpv("doctor", status=1).text
    story.write(".git/info/exclude", "")
    story.git("commit", "-qm", "third")
    assert story.saved("outputs/best.pt", "best 1\n")


def test_a_version_that_tracks_what_is_hidden_here(tell: Tell) -> None:
    """Git overwrites what it ignores, the pointer too; the artifact's content is rescued first."""
    story = begin(tell)
    story.git("checkout", "-qb", "tracks")
    story.put("outputs/best.pt", "best 1\n")
    story.git("add", "-A")
    story.git("commit", "-qm", "third")
    story.git("checkout", "-q", "main")
    story.put("outputs/best.pt", "best 2\n")
    story.cpv("sync")
    ignore(story, ".git/info/exclude", "outputs/")
    story.git("commit", "-qm", "refused", status=1)
    story.git("checkout", "-q", "tracks")
    assert story.read("outputs/best.pt") == b"best 1\n"
    assert "outputs/best.pt" in story.cpv("rescue", "list").out
    story.nothing_is_lost()


def test_prune_keeps_what_a_hidden_pointer_names(tell: Tell) -> None:
    story = begin(tell)
    story.put("outputs/best.pt", "best 1\n")
    story.cpv("sync")
    ignore(story, ".git/info/exclude", "outputs/")
    (story.path / "outputs/best.pt").unlink()
    for name in ("index.json", "stamp", "watch"):
        (story.path / ".git/cpv" / name).unlink(missing_ok=True)
    story.cpv("prune", "--yes", "--grace", "0h")
    assert md5("best 1\n") in story.cached()


def test_a_tracked_pointer_that_dvc_refuses_to_read(tell: Tell) -> None:
    """Git goes on with a tracked file that a rule names; DVC does not."""
    story = begin(tell)
    ignore(story, ".git/info/exclude", "model.bin.*")
    assert "model.bin.dvc: Git ignores this pointer" in story.cpv("doctor", status=1).text
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert story.saved("model.bin", "model 3\n")


def test_an_upload_to_a_hidden_pointer_is_refused(tell: Tell, tmp_path: Path) -> None:
    story = tell("live")
    story.write(".cpv.toml", '[cpv]\nteam = "vision"\nmodel = "resnet"\n[artifacts]\nmodel = ["outputs/best.pt"]\n')
    story.git("commit", "-qam", "another model")
    head = story.head()
    ignore(story, ".git/info/exclude", "outputs/")
    source = story.write("../best.pt", "best 1\n")
    done = story.cpv("model", "upload", source, status=None)
    refused(done, "outputs/best.pt.dvc: Git ignores this pointer")
    assert story.head() == head
    assert not (story.path / "outputs").exists()


@pytest.mark.parametrize("mark", ["assume-unchanged", "skip-worktree"])
def test_doctor_names_a_pointer_that_git_is_told_to_pass_over(tell: Tell, mark: str) -> None:
    story = tell("live")
    story.git("update-index", f"--{mark}", "model.bin.dvc")
    story.put("model.bin", "model 3\n")
    said = story.cpv("doctor", status=1).text
    assert "model.bin.dvc: Git is told to ignore changes of this pointer" in said
    fix = f"git update-index --no-{mark} model.bin.dvc"
    assert fix in said
    story.git(*fix.split()[1:])
    assert story.cpv("doctor", status=None).text.count("pass over") == 0
    story.git("commit", "-qam", "third")
    assert story.saved("model.bin", "model 3\n")


def test_doctor_names_a_pointer_that_dvc_cannot_see(tell: Tell) -> None:
    story = begin(tell)
    story.put("outputs/best.pt", "best 1\n")
    story.git("commit", "-qm", "third")
    story.write(".dvcignore", "outputs/\n")
    assert "outputs/best.pt.dvc: a .dvcignore hides this pointer" in story.cpv("doctor", status=1).text
