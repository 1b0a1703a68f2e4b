"""What is managed is what HEAD and the index say, though the work tree does not show it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest

from cpv_hooks.git.repo import Repo
from cpv_hooks.project.laid_out_roots import laid_out
from e2e.conftest import Tell
from e2e.story import Story, md5, refused
from e2e.test_worktrees import in_folder


def with_origin(story: Story) -> Story:
    """A Git host, and a folder of code beside the artifacts at the top."""
    story.git("init", "-q", "--bare", "../origin.git")
    story.git("remote", "add", "origin", "../origin.git")
    story.write("src/code.py", "print(1)\n")
    story.git("add", "src")
    story.git("commit", "-qm", "code")
    story.git("push", "-q", "origin", "main")
    return story


@contextmanager
def storage_away(story: Story) -> Iterator[None]:
    storage = story.path.parent / "storage"
    storage.rename(storage.with_name("away"))
    storage.write_text("in the way")
    yield
    storage.unlink()
    storage.with_name("away").rename(storage)


def published(story: Story) -> str:
    return story.git("--git-dir", story.path.parent / "origin.git", "rev-parse", "main").out.strip()


@pytest.mark.compatibility("Git layouts", "pointers outside a sparse cone: absent on purpose, nothing lost")
@pytest.mark.parametrize("mode", ["live", "shims", "pre-commit"])
def test_a_cone_without_dvc(tell: Tell, mode: str) -> None:
    story = with_origin(tell(mode))
    done = story.git("sparse-checkout", "set", "--cone", "src")
    # Without shims nobody is there before Git removes the folder.
    assert (story.path / ".dvc/config").exists() is (mode != "pre-commit")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qam", "third")
    assert story.saved("model.bin", "model 3\n")
    assert "git sparse-checkout add .dvc keeps them" in done.text or mode == "pre-commit"
    assert story.tags_at() == ["v0.2"]
    assert md5("model 3\n") in story.stored()
    story.git("push", "-q", "origin", "main")
    assert story.changes() == []
    assert story.dvc_status() == {}


@pytest.mark.compatibility("Git layouts", "pointers outside a sparse cone: absent on purpose, nothing lost")
def test_install_in_a_sparse_clone_advises_no_init(tell: Tell) -> None:
    story = with_origin(tell("live"))
    story.git("clone", "-q", "--sparse", story.path, "../sparse")
    done = story.run("dvc", "cpv", "install", cwd="../sparse")
    assert "hooks installed" in done.text
    assert "init" not in done.text
    assert (story.path.parent / "sparse/model.bin").read_bytes() == story.read("model.bin")


def test_a_cone_and_a_checkout(tell: Tell) -> None:
    story = with_origin(tell("live"))
    story.git("sparse-checkout", "set", "--cone", "src")
    story.git("checkout", "-q", "v0.0")
    assert story.read("model.bin") == b"model 1\n"
    story.git("sparse-checkout", "disable")
    story.git("checkout", "-q", "main")
    assert story.read("model.bin") == b"model 2\n"
    story.agree()


@pytest.mark.compatibility("Git layouts", "pointers outside a sparse cone: absent on purpose, nothing lost")
def test_what_was_not_uploaded_outlives_a_cone(tell: Tell) -> None:
    """Git takes folders outside of a cone away with all that it ignores in them, DVC's cache among them."""
    story = with_origin(tell("live"))
    cached = story.cached()
    with storage_away(story):
        story.put("model.bin", "model 3\n")
        story.git("commit", "-qam", "third")
        story.git("sparse-checkout", "set", "--cone", "src")
    assert story.cached() == cached | {md5("model 3\n"), *(story.oid_at("HEAD", f"{n}.dvc") for n in ("data",))}
    (story.path / "model.bin").unlink()
    story.git("push", "-q", "origin", "main")
    assert md5("model 3\n") in story.stored()
    story.git("sparse-checkout", "disable")
    assert story.cached() >= cached
    story.cpv("sync")
    story.check()


@pytest.mark.parametrize("sparse_index", ["--sparse-index", "--no-sparse-index"])
@pytest.mark.parametrize("mode", ["live", "shims"])
def test_an_unsaved_artifact_that_a_cone_takes_is_kept(tell: Tell, mode: str, sparse_index: str) -> None:
    story = with_origin(tell(mode))
    story.put("models/side.bin", "side 1\n")
    story.dvc("add", "-q", "models/side.bin")
    story.git("add", "models")
    story.git("commit", "-qm", "a second model")
    story.put("models/side.bin", "side 2\n")
    done = story.git("sparse-checkout", "set", "--cone", sparse_index, "src")
    if mode == "live":
        # Its pointer says so, and Git leaves a file alone that has changed.
        assert story.read("models/side.bin") == b"side 2\n"
        return
    assert not (story.path / "models/side.bin").exists()
    assert "models/side.bin: leaves the work tree with unsaved content, which is kept as rescue 1" in done.text
    story.git("sparse-checkout", "disable")
    story.cpv("rescue", "restore", "1")
    assert story.read("models/side.bin") == b"side 2\n"


@pytest.mark.parametrize("uploaded", [True, False])
def test_a_whole_root_that_a_cone_takes(tell: Tell, uploaded: bool) -> None:
    story = tell("live")
    place = in_folder(story, "live")
    place.put("model.bin", "model 3\n")
    with nullcontext() if uploaded else storage_away(story):
        story.git("commit", "-qam", "third")
    done = story.git("sparse-checkout", "set", "--cone", "other")
    assert place.path.exists() is not uploaded
    assert (md5("model 3\n") in story.stored()) is uploaded
    assert ("models/resnet/.dvc stays, as its cache has what is nowhere else" in done.text) is not uploaded
    story.git("sparse-checkout", "disable")
    story.cpv("sync")
    assert place.read("model.bin") == b"model 3\n"
    assert story.changes() == []


def test_status_and_doctor_tell(tell: Tell) -> None:
    story = tell("live")
    place = in_folder(story, "live")
    story.git("sparse-checkout", "set", "--cone", "--", "other")
    assert not place.path.exists() or not (place.path / ".cpv.toml").exists()
    fix = "git sparse-checkout add models/resnet"
    refused(story.cpv("status", status=None), "left out by the sparse checkout", fix)
    assert fix in story.cpv("doctor", status=1).out


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_a_push_from_a_branch_that_has_no_model(tell: Tell, mode: str) -> None:
    """The branch that goes out has one: its data goes first, or nothing goes."""
    story = with_origin(tell(mode))
    story.empty_branch("empty")
    with storage_away(story):
        story.put("model.bin", "model 3\n")
        story.git("commit", "-qam", "third")
        story.git("-c", "core.hooksPath=/dev/null", "checkout", "-q", "empty")
        before = published(story)
        done = story.git("push", "origin", "main", status=1)
        assert "Traceback" not in done.text
        assert published(story) == before
    story.git("push", "-q", "origin", "main")
    assert md5("model 3\n") in story.stored()
    assert published(story) != before


def test_a_push_after_the_settings_were_deleted(tell: Tell) -> None:
    story = with_origin(tell("live"))
    with storage_away(story):
        story.put("model.bin", "model 3\n")
        story.git("commit", "-qam", "third")
        (story.path / ".cpv.toml").unlink()
        refused(story.cpv("status", status=None), "its settings are deleted", "git checkout -- .cpv.toml")
        story.git("push", "origin", "main", status=1)
    story.git("push", "-q", "origin", "main")
    assert md5("model 3\n") in story.stored()


def test_code_alone_goes_out_of_a_cone_without_the_model(tell: Tell) -> None:
    story = tell("live")
    in_folder(story, "live")
    with_origin(story)
    story.git("sparse-checkout", "set", "--cone", "src")
    story.write("src/code.py", "print(2)\n")
    story.git("commit", "-qam", "more code")
    story.git("push", "-q", "origin", "main")
    assert published(story) == story.head()


LAY_OUT = """
import os, signal, sys
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.laid_out_roots import laid_out
with laid_out(Repo.discover(), sys.argv[1:], [""]) as found:
    assert (found[0].root / ".dvc/config.local").stat().st_mode & 0o777 == 0o600
    os.kill(os.getpid(), signal.SIGKILL)
"""


def secrets_in_state(story: Story) -> list[str]:
    """The files below `.git` that hold DVC's private settings."""
    files = [path for path in (story.path / ".git").rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(story.path)) for path in files if b"hunter2" in path.read_bytes())


def with_a_secret(story: Story) -> Story:
    story.dvc("remote", "add", "-q", "--local", "other", "https://example.invalid/x")
    story.dvc("remote", "modify", "-q", "--local", "other", "password", "hunter2")
    return with_origin(story)


def test_private_settings_are_gone_when_a_push_has_ended(tell: Tell) -> None:
    """One that succeeds, and one that is refused."""
    story = with_a_secret(tell("live"))
    story.empty_branch("empty")
    story.git("push", "-q", "origin", "main")
    assert secrets_in_state(story) == []
    story.git("checkout", "-q", "main")
    with storage_away(story):
        story.put("model.bin", "model 3\n")
        story.git("commit", "-qam", "third")
        story.git("-c", "core.hooksPath=/dev/null", "checkout", "-q", "empty")
        story.git("push", "-q", "origin", "main", status=1)
    assert secrets_in_state(story) == []
    assert not (story.path / ".git/cpv/roots").exists()


@pytest.mark.parametrize("command", [("git", "status"), ("git", "push", "-q", "origin", "main:again")], ids=" ".join)
def test_private_settings_of_a_push_that_was_killed_go_with_the_next_command(
    tell: Tell, command: tuple[str, ...]
) -> None:
    story = with_a_secret(tell("live"))
    story.git("status")
    story.python("-c", LAY_OUT, "main", status=-9)
    older = story.write(".git/cpv/roots/.dvc/config.local", "hunter2")
    assert secrets_in_state(story) == [".git/cpv/roots/.dvc/config.local", ".git/cpv/roots/0/.dvc/config.local"]
    story.run(*command)
    assert secrets_in_state(story) == []
    assert not older.exists()


def test_a_push_that_runs_keeps_what_it_laid_out(tell: Tell) -> None:
    story = with_a_secret(tell("live"))
    repo = Repo.discover(story.path)
    with laid_out(repo, ["main"], [""]) as (one,), laid_out(repo, ["main"], [""]) as (other,):
        assert one.root != other.root
        story.git("status")
        assert one.cache_dir == other.cache_dir == story.path / ".dvc/cache"
        assert len(secrets_in_state(story)) == 2
    assert not (story.path / ".git/cpv/roots").exists()


def with_a_second_model(story: Story) -> Story:
    """A model in a folder of its own, which was changed since the commit; `git status` has not saved that yet."""
    story = with_origin(story)
    story.put("models/side.bin", "side 1\n")
    story.dvc("add", "-q", "models/side.bin")
    story.git("add", "models")
    story.git("commit", "-qm", "a second model")
    story.put("models/side.bin", "side 2\n")
    return story


def test_an_artifact_that_cannot_be_saved_stays_until_it_can(tell: Tell) -> None:
    story = with_a_second_model(tell("shims"))
    place = story.path / ".dvc/cache/files/md5" / md5("side 2\n")[:2]
    place.write_text("in the way")
    done = story.git("sparse-checkout", "set", "--cone", "src", ".dvc")
    assert "models/ stays, as an artifact there could not be saved" in done.text
    assert story.read("models/side.bin") == b"side 2\n"
    place.unlink()
    done = story.git("sparse-checkout", "reapply")
    assert "which is kept as rescue 1" in done.text
    assert not (story.path / "models").exists()
    story.git("sparse-checkout", "disable")
    story.cpv("rescue", "restore", "1")
    assert story.read("models/side.bin") == b"side 2\n"
    assert not list(story.path.rglob("kept-by-cpv.txt"))


def test_an_artifact_that_no_sync_has_seen_is_saved_before_a_cone_takes_it(tell: Tell) -> None:
    story = with_a_second_model(tell("shims"))
    (story.path / ".git/cpv/index.json").unlink()
    done = story.git("sparse-checkout", "set", "--cone", "src", ".dvc")
    assert "which is kept as rescue 1" in done.text
    assert md5("side 2\n") in story.cached()


@pytest.mark.parametrize("when", ["push", "never"])
def test_a_root_whose_data_waits_for_a_push_outlives_a_cone(tell: Tell, when: str) -> None:
    story = tell("live")
    place = in_folder(story, "live")
    place.write(".cpv.toml", (place.path / ".cpv.toml").read_text() + f'[push]\nwhen = "{when}"\n')
    place.put("model.bin", "model 3\n")
    story.git("commit", "-qam", "third")
    assert md5("model 3\n") not in story.stored()
    done = story.git("sparse-checkout", "set", "--cone", "other")
    assert "models/resnet/.dvc stays, as its cache has what is nowhere else" in done.text
    assert md5("model 3\n") in place.cached()
