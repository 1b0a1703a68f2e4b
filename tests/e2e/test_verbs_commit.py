"""A change of data alone is committed in one go, whichever way the user commits."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest

from e2e.conftest import Tell
from e2e.story import SETTINGS, Story, install_hooks, refused

MESSAGE = 'echo "third" > "$1"'


def with_editor(story: Story, *args: str) -> None:
    story.git("commit", *args, env=story.editor(MESSAGE))


def from_ide(story: Story) -> None:
    """What VS Code runs: stage what `git status` shows, then commit with the message on standard input."""
    for line in story.changes():
        story.git("add", "-A", "--", line[3:])
    story.git(
        "-c", "user.useConfigOnly=true", "commit", "--quiet", "--allow-empty-message", "--file", "-", input="third"
    )


def from_folder(story: Story) -> None:
    story.git("commit", "-m", "third", cwd="data/sub")


WAYS: dict[str, Callable[[Story], object]] = {
    "-m": lambda story: story.git("commit", "-m", "third"),
    "editor": with_editor,
    "editor --verbose": lambda story: with_editor(story, "-v"),
    "-am": lambda story: story.git("commit", "-am", "third"),
    "add -A": lambda story: (story.git("add", "-A"), story.git("commit", "-m", "third")),
    "add -u": lambda story: (story.git("add", "-u"), story.git("commit", "-m", "third")),
    "IDE": from_ide,
    "--fixup": lambda story: story.git("commit", "--fixup", "HEAD"),
    "-C": lambda story: story.git("commit", "-C", "HEAD"),
    "in a sub-folder": from_folder,
    "alias": lambda story: story.git("-c", "alias.ci=commit -q", "ci", "-m", "third"),
}


@pytest.mark.parametrize("way", WAYS)
def test_data_alone_is_committed_in_one_go(story: Story, way: str) -> None:
    before, lines = story.head(), len(story.reflog())
    subject = story.git("log", "-1", "--format=%s").out.strip()
    story.train(3)
    WAYS[way](story)
    assert story.git("rev-parse", "HEAD^").out.strip() == before
    assert story.saved("model.bin", "model 3\n")
    assert story.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["data.dvc", "metrics.log.dvc", "model.bin.dvc"]
    assert story.branch() == "main"
    expected = {"--fixup": f"fixup! {subject}", "-C": subject}.get(way, "third")
    assert story.git("log", "-1", "--format=%s").out == f"{expected}\n"
    assert len(story.reflog()) == lines + 1, "the detour left a line in the reflog"
    assert story.tags_at() == ["data-v0.2", "v0.2"]
    story.check()


@pytest.mark.compatibility("Hook managers", "pre-commit, installed before or after CPV, or alone")
@pytest.mark.parametrize("way", ["-m", "editor", "-am", "add -A", "IDE"])
@pytest.mark.parametrize("mode", ["pre-commit", "both"])
def test_the_same_by_pre_commit(tell: Tell, mode: str, way: str) -> None:
    story = tell(mode)
    before = story.head()
    story.train(3)
    WAYS[way](story)
    assert story.git("rev-parse", "HEAD^").out.strip() == before
    assert story.saved("model.bin", "model 3\n")
    assert story.tags_at() == ["data-v0.2", "v0.2"]
    story.check()


def test_amend_replaces_the_last_checkpoint(any_story: Story) -> None:
    story = any_story
    story.put("model.bin", "model 3\n")
    story.git("commit", "-m", "third")
    parent = story.git("rev-parse", "HEAD^").out
    story.put("model.bin", "model 4\n")
    story.git("commit", "--amend", "--no-edit")
    assert story.git("rev-parse", "HEAD^").out == parent
    assert story.saved("model.bin", "model 4\n")
    assert story.tags_at() == ["v0.2"], "the automatic tag moves with an amended commit"
    story.check()


def test_amend_with_an_editor(story: Story) -> None:
    story.put("model.bin", "model 3\n")
    parent = story.git("rev-parse", "HEAD^").out
    story.git("commit", "--amend", env=story.editor(MESSAGE))
    assert story.git("rev-parse", "HEAD^").out == parent
    assert story.git("log", "-1", "--format=%s").out == "third\n"
    assert story.saved("model.bin", "model 3\n")
    story.check()


def test_amend_of_the_root_commit(story: Story) -> None:
    story.git("checkout", "-q", "--orphan", "fresh")
    story.git("commit", "-qm", "root")
    story.put("model.bin", "model 3\n")
    story.git("commit", "--amend", "-m", "new root")
    assert story.git("rev-list", "--count", "HEAD").out == "1\n"
    assert story.saved("model.bin", "model 3\n")
    story.check()


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_first_commit_of_an_unborn_branch(tell: Tell, mode: str) -> None:
    story = tell("live")
    shutil.rmtree(story.path / ".git")
    for pointer in story.pointers():
        pointer.unlink()
    story.git("init", "-q")
    if mode == "shims":
        story.write(".cpv.toml", SETTINGS + "[status]\nlive = false\n")
    install_hooks(story, "live")
    story.git("commit", "-m", "first of all")
    assert story.git("ls-files").lines == [".gitignore", "data.dvc", "metrics.log.dvc", "model.bin.dvc"]
    assert story.saved("model.bin", "model 2\n")
    assert story.branch() == "main"
    assert story.tags() == ["data-v0.0", "v0.0"]
    story.git("add", "-A")
    story.git("commit", "-qm", "the rest")
    story.check()


def test_user_files_ride_along(any_story: Story) -> None:
    story = any_story
    story.write("train.py", "print('better')\n")
    story.git("add", "train.py")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-m", "code and model")
    assert story.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["model.bin.dvc", "train.py"]
    story.check()


def test_unstaged_user_files_stay_unstaged(any_story: Story) -> None:
    story = any_story
    story.write("train.py", "print('not yet')\n")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-m", "model alone")
    assert story.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["model.bin.dvc"]
    assert story.read("train.py") == b"print('not yet')\n"
    story.check(" M train.py")


def test_partial_staging_survives(any_story: Story) -> None:
    story = any_story
    text = story.read("notes.txt").decode()
    story.write("notes.txt", text.replace("one", "ONE"))
    story.git("add", "notes.txt")
    story.write("notes.txt", text.replace("one", "ONE").replace("eight", "EIGHT"))
    story.put("model.bin", "model 3\n")
    story.git("commit", "-m", "half of the notes")
    assert story.git("show", "HEAD:notes.txt").out == text.replace("one", "ONE")
    assert story.read("notes.txt").decode() == text.replace("one", "ONE").replace("eight", "EIGHT")
    assert story.saved("model.bin", "model 3\n")
    story.check(" M notes.txt")


def test_nothing_changed_is_no_commit(any_story: Story) -> None:
    before = any_story.head()
    done = any_story.git("commit", "-m", "nothing", status=1)
    assert "nothing to commit" in done.out
    assert any_story.head() == before
    any_story.check()


def test_content_that_came_back_is_no_commit(story: Story) -> None:
    if story.live:
        story.put("model.bin", "model 3\n")
        assert story.changes() == [" M model.bin.dvc"]
    story.write("model.bin", "model 3\n")
    story.put("model.bin", "model 2\n")
    done = story.git("commit", "-m", "nothing", status=1)
    # Git has read the index before pre-commit takes a pointer back, and goes by the times that it has from there.
    assert ("no changes added to commit" if story.live else "nothing to commit") in done.out
    story.check()


def test_dry_run_commits_nothing(live: Story) -> None:
    before = live.head()
    live.put("model.bin", "model 3\n")
    live.git("commit", "--dry-run", "-a")
    assert live.head() == before
    live.check(" M model.bin.dvc")


# Staged artifacts only


def test_stage_staged_takes_what_the_user_staged(tell: Tell) -> None:
    story = tell("live", settings='[commit]\nstage = "staged"\n')
    story.train(3)
    story.git("add", "model.bin.dvc")
    story.git("commit", "-m", "the model alone")
    assert story.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["model.bin.dvc"]
    assert story.tags_at() == ["v0.2"]
    story.check(" M data.dvc", " M metrics.log.dvc")


def test_stage_staged_without_anything_staged(tell: Tell) -> None:
    story = tell("live", settings='[commit]\nstage = "staged"\n')
    story.train(3)
    done = story.git("commit", "-m", "nothing staged", status=1)
    assert "no changes added to commit" in done.out
    story.check(" M data.dvc", " M metrics.log.dvc", " M model.bin.dvc")


def test_stage_staged_takes_the_newest_content_of_a_staged_pointer(tell: Tell) -> None:
    """What was staged is what is committed; a later change stays for the next commit, as with any file."""
    story = tell("live", settings='[commit]\nstage = "staged"\n')
    story.put("model.bin", "model 3\n")
    story.git("add", "model.bin.dvc")
    story.put("model.bin", "model 4\n")
    story.git("commit", "-m", "the staged one")
    assert story.saved("model.bin", "model 3\n")
    story.check(" M model.bin.dvc")


# Where the detour cannot be taken


@pytest.mark.parametrize("mode", ["live", "shims", "pre-commit"])
def test_without_one_shot_the_commit_is_to_be_repeated(tell: Tell, mode: str) -> None:
    story = tell(mode, settings="[commit]\none_shot = false\n")
    story.put("model.bin", "model 3\n")
    first = story.git("commit", "-m", "third", status=1)
    assert "run the same git commit again" in first.text
    story.agree("M  model.bin.dvc")
    story.git("commit", "-m", "third")
    assert story.saved("model.bin", "model 3\n")
    story.check()


@pytest.mark.parametrize("mode", ["live", "shims", "pre-commit"])
def test_on_a_detached_head_the_commit_is_to_be_repeated(tell: Tell, mode: str) -> None:
    story = tell(mode)
    story.git("checkout", "-q", "--detach")
    before = story.head()
    story.put("model.bin", "model 3\n")
    first = story.git("commit", "-m", "third", status=1)
    assert "HEAD is detached" in first.text
    assert story.head() == before
    story.agree("M  model.bin.dvc")
    story.git("commit", "-m", "third")
    assert story.saved("model.bin", "model 3\n")
    story.check()


def test_commit_a_needs_no_detour_on_a_detached_head(live: Story) -> None:
    live.git("checkout", "-q", "--detach")
    live.put("model.bin", "model 3\n")
    live.git("commit", "-am", "third")
    assert live.saved("model.bin", "model 3\n")
    live.check()


# Path-limited commits


def test_path_limited_commit_takes_no_artifact_that_it_does_not_name(any_story: Story) -> None:
    story = any_story
    story.write("train.py", "print('better')\n")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-m", "code alone", "--", "train.py")
    assert story.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["train.py"]
    story.git("diff", "--cached", "--quiet")
    story.check(" M model.bin.dvc") if story.mode != "pre-commit" else story.nothing_is_lost()
    story.git("commit", "-m", "now the model")
    assert story.saved("model.bin", "model 3\n")
    story.check()


def test_path_limited_commit_of_one_artifact(any_story: Story) -> None:
    """The first pointer goes in, the second stays changed, and the real index is right afterwards."""
    story = any_story
    story.train(3)
    first = story.git("commit", "-m", "the model alone", "--", "model.bin.dvc", status=None)
    if first.status:
        # Without live status Git sees the change only once the hook has found it.
        assert not story.live
        assert "run the same git commit again" in first.text
        story.git("commit", "-m", "the model alone", "--", "model.bin.dvc")
    assert story.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["model.bin.dvc"]
    assert story.saved("model.bin", "model 3\n")
    story.git("diff", "--cached", "--quiet")
    if story.mode != "pre-commit":
        story.check(" M data.dvc", " M metrics.log.dvc")
    story.git("commit", "-qm", "now the others")
    story.check()


def test_path_limited_commit_where_git_ignores_the_settings(story: Story) -> None:
    """They are in the index by force, and in no commit, so the index of this one has not got them."""
    story.git("rm", "-q", "--cached", ".cpv.toml")
    story.git("commit", "-qm", "settings taken out of Git")
    story.write(".git/info/exclude", "/.cpv.toml\n")
    story.git("add", "-f", ".cpv.toml")
    story.put("model.bin", "trained\n")
    first = story.git("commit", "-qm", "the model", "--", "model.bin.dvc", status=None)
    if first.status:
        assert "run the same git commit again" in first.text
        story.git("commit", "-qm", "the model", "--", "model.bin.dvc")
    assert story.saved("model.bin", "trained\n")


def test_path_limited_commit_before_the_first_sync(story: Story) -> None:
    """Git calls post-index-change for such a commit although no file changed: artifacts stay as they are."""
    (story.path / ".git/cpv/index.json").unlink()
    story.write("train.py", "print('better')\n")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-m", "code alone", "--", "train.py")
    assert story.read("model.bin") == b"model 3\n"
    story.check(" M model.bin.dvc")


def test_path_limited_commit_leaves_staged_files_staged(story: Story) -> None:
    story.write("notes.txt", "staged\n")
    story.git("add", "notes.txt")
    story.write("train.py", "print('better')\n")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-m", "code alone", "--", "train.py")
    assert story.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["train.py"]
    story.check("M  notes.txt", " M model.bin.dvc")


def test_commit_include_takes_a_path_with_what_is_staged(story: Story) -> None:
    story.write("train.py", "print('better')\n")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-m", "both", "--include", "--", "train.py")
    assert story.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["model.bin.dvc", "train.py"]
    story.check()


# Commits that end badly


OWN_HOOKS = pytest.mark.parametrize("mode", ["live", "shims"])


@OWN_HOOKS
def test_chained_hook_that_fails_stops_the_commit(tell: Tell, mode: str) -> None:
    story = tell(mode, hooks={"pre-commit": "echo 'the linter says no' >&2; exit 1"})
    before = story.head()
    story.put("model.bin", "model 3\n")
    refused(story.git("commit", "-m", "third", status=1), "the linter says no")
    assert (story.head(), story.branch()) == (before, "main")
    assert not (story.path / ".git/cpv/detour").exists()
    story.agree("M  model.bin.dvc")
    story.git("commit", "--no-verify", "-m", "third")
    assert story.saved("model.bin", "model 3\n")
    story.check()


@OWN_HOOKS
def test_after_a_failed_hook_the_next_commit_takes_the_next_content(tell: Tell, mode: str) -> None:
    story = tell(mode, hooks={"pre-commit": "[ -e allowed ] || exit 1"})
    story.put("model.bin", "model 3\n")
    story.git("commit", "-m", "third", status=1)
    story.put("model.bin", "model 4\n")
    story.write("allowed", "")
    story.git("commit", "-m", "fourth")
    assert story.saved("model.bin", "model 4\n")
    story.check("?? allowed")


@OWN_HOOKS
def test_chained_hook_sees_the_branch_and_not_the_detour(tell: Tell, mode: str) -> None:
    story = tell(
        mode, hooks={"pre-commit": "git symbolic-ref HEAD > .git/seen; git diff --cached --name-only >> .git/seen"}
    )
    story.put("model.bin", "model 3\n")
    story.git("commit", "-m", "third")
    assert story.read(".git/seen") == b"refs/heads/main\nmodel.bin.dvc\n"
    story.check()


@pytest.mark.parametrize("hook", ["commit-msg", "prepare-commit-msg"])
@OWN_HOOKS
def test_message_hook_that_refuses(tell: Tell, mode: str, hook: str) -> None:
    story = tell(mode, hooks={hook: "echo 'a poor message' >&2; exit 1"})
    before = story.head()
    story.put("model.bin", "model 3\n")
    refused(story.git("commit", "-m", "third", status=1), "a poor message")
    assert (story.head(), story.branch()) == (before, "main")
    story.check("M  model.bin.dvc")


def test_editor_that_fails(story: Story) -> None:
    before = story.head()
    story.put("model.bin", "model 3\n")
    story.git("commit", status=1, env=story.editor("exit 1"))
    assert (story.head(), story.branch()) == (before, "main")
    story.check("M  model.bin.dvc")


def test_empty_message_aborts(story: Story) -> None:
    before = story.head()
    story.put("model.bin", "model 3\n")
    story.git("commit", status=1, env=story.editor(': > "$1"'))
    assert (story.head(), story.branch()) == (before, "main")
    story.check("M  model.bin.dvc")


def test_git_that_dies_inside_the_detour_leaves_head_on_its_branch(any_story: Story) -> None:
    """`-F missing` is read after pre-commit and before prepare-commit-msg: no hook follows."""
    story = any_story
    before, log = story.head(), story.reflog()
    story.put("model.bin", "model 3\n")
    story.git("commit", "-F", "missing", status=128)
    assert story.git("status", "--porcelain").status == 0
    wait_until_healed(story)
    assert (story.head(), story.branch(), story.reflog()) == (before, "main", log)
    story.agree("M  model.bin.dvc")
    story.git("commit", "-m", "third")
    assert story.git("rev-parse", "HEAD^").out.strip() == before
    story.check()


def wait_until_healed(story: Story) -> None:
    import time

    for _ in range(3000):  # a minute at least: others may use the machine
        if not (story.path / ".git/cpv/detour").exists():
            return
        time.sleep(0.02)
    raise AssertionError("the detour was not healed")


def test_no_verify_skips_the_hooks(story: Story) -> None:
    """Without pre-commit there is nothing to commit but what is staged; with live status `-a` still takes it."""
    before = story.head()
    story.put("model.bin", "model 3\n")
    story.git("commit", "--no-verify", "-m", "third", status=1)
    assert story.head() == before
    if story.live:
        story.git("commit", "--no-verify", "-am", "third")
        assert story.saved("model.bin", "model 3\n")
        assert story.tags_at() == ["v0.2"]
        story.check()


def test_two_commits_in_a_row_number_two_checkpoints(any_story: Story) -> None:
    story = any_story
    for number in (3, 4):
        story.put("model.bin", f"model {number}\n")
        story.git("commit", "-m", f"checkpoint {number}")
        assert story.tags_at() == [f"v0.{number - 1}"]
    assert [story.oid_at(tag, "model.bin.dvc") for tag in ("v0.1", "v0.2", "v0.3")] == [
        story.oid_at(rev, "model.bin.dvc") for rev in ("HEAD~2", "HEAD~1", "HEAD")
    ]
    story.check()


def test_commit_of_code_alone_is_no_checkpoint(any_story: Story) -> None:
    story = any_story
    story.write("train.py", "print('better')\n")
    done = story.git("commit", "-qam", "code")
    assert done.err == "" or story.mode in ("pre-commit", "both")
    assert story.tags_at() == []
    story.check()


def test_large_binary_is_not_committed_into_git(any_story: Story) -> None:
    story = any_story
    before = story.head()
    story.write("weights.pt", b"\0" * (11 << 20))
    story.git("add", "weights.pt")
    refused(story.git("commit", "-m", "oops", status=1), "weights.pt", "dvc add weights.pt")
    assert story.head() == before


def test_uploads_what_is_committed(any_story: Story) -> None:
    story = any_story
    story.train(3)
    story.git("commit", "-m", "third")
    assert story.cached() == story.stored()
    story.check()


def test_commit_message_template_shows_the_pointers(story: Story) -> None:
    story.put("model.bin", "model 3\n")
    env = story.editor('cp "$1" .git/template; echo third > "$1"')
    story.git("commit", env=env)
    assert re.search(r"modified:\s+model\.bin\.dvc", story.read(".git/template").decode())
    assert "# On branch main" in story.read(".git/template").decode()


def test_deleted_artifact_and_pointer_are_committed(any_story: Story) -> None:
    story = any_story
    story.git("rm", "-q", "metrics.log.dvc")
    (story.path / "metrics.log").unlink(missing_ok=True)
    story.git("commit", "-m", "no metrics")
    assert "metrics.log.dvc" not in story.git("ls-files").lines
    assert not (story.path / "metrics.log.dvc").exists()
    story.check()


def test_pointer_taken_out_on_purpose_stays_out(story: Story) -> None:
    """`git rm` of a pointer leaves the artifact, as `dvc remove` does, though the settings still name it."""
    story.git("rm", "-q", "metrics.log.dvc")
    story.git("commit", "-qm", "no metrics")
    assert (story.path / "metrics.log").exists()
    assert story.changes() == []
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert not (story.path / "metrics.log.dvc").exists()
    story.git("checkout", "-q", "v0.0")
    assert story.read("metrics.log") == b'{"loss": 1}\n'
    story.check()


def test_new_artifact_named_by_the_settings(any_story: Story) -> None:
    story = any_story
    settings = story.read(".cpv.toml").decode().replace('["model.bin"]', '["model.bin", "heads/*.bin"]')
    story.write(".cpv.toml", settings)
    story.put("heads/one.bin", "head 1\n")
    story.git("add", ".cpv.toml")
    story.git("commit", "-m", "a head")
    assert story.saved("heads/one.bin", "head 1\n")
    assert "heads/.gitignore" in story.git("ls-files").lines
    assert "heads/one.bin" not in story.git("ls-files").lines
    story.check()
