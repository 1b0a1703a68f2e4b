"""What was left out is absent and noted: never "deleted", never committed away, brought by one command."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.project.config_file import load_config
from e2e.conftest import Tell
from e2e.story import Story, md5, refused
from e2e.test_clone import run_plain_dvc

ONLY_MODEL = '[fetch]\nkinds = ["model", "metrics"]\n'


@contextmanager
def fetching(monkeypatch: pytest.MonkeyPatch, words: str) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("CPV_FETCH", words)
        yield


def clone_of(story: Story, *install: str) -> Story:
    """A colleague's clone, whose cache is empty."""
    story.git("clone", "-q", story.path, "../clone")
    clone = Story(story.path.parent / "clone", story.mode)
    clone.cpv("install", *install)
    return clone


def artifact(story: Story, path: str) -> dict[str, Any]:
    found = json.loads(story.cpv("status", "--json").out)["artifacts"]
    return next(item for item in found if item["path"] == path)


def listed(story: Story, oid: str) -> dict[str, str]:
    """What a directory object of the remote lists."""
    file = story.path.parent / "storage/files/md5" / oid[:2] / oid[2:]
    return {item["relpath"]: item["md5"] for item in json.loads(file.read_text())}


def pointer(story: Story, name: str) -> dict[str, Any]:
    out: dict[str, Any] = yaml.safe_load(story.read(name))["outs"][0]
    return out


def test_a_team_that_fetches_models_alone(tell: Tell) -> None:
    story = tell("live", settings=ONLY_MODEL)
    clone = clone_of(story)
    assert clone.read("model.bin") == b"model 2\n"
    assert not (clone.path / "data").exists()
    assert md5("a 2\n") not in clone.cached()
    assert clone.changes() == []
    assert artifact(clone, "data")["state"] == "left out"
    # Commits, checkouts to and fro, a stash and a merge carry it on.
    clone.put("model.bin", "model 3\n")
    clone.git("commit", "-qam", "third")
    assert clone.oid_at("HEAD", "data.dvc") == clone.oid_at("HEAD^", "data.dvc")
    done = clone.git("checkout", "-q", "v0.0")
    assert done.text.count("left out data (2 files, 8 B); dvc cpv sync data brings it") == 1
    assert "[fetch]" not in clone.read(".cpv.toml").decode(), "what was left out stays so"
    assert clone.read("model.bin") == b"model 1\n"
    assert not (clone.path / "data").exists()
    done = clone.git("checkout", "-q", "main")
    clone.put("model.bin", "model 4\n")
    clone.git("stash", "-q")
    clone.git("stash", "pop", "-q")
    clone.git("commit", "-qam", "fourth")
    assert clone.changes() == []
    assert not (clone.path / "data").exists()
    # One command brings it, and it stays.
    clone.cpv("sync", "data")
    assert clone.read("data/a.csv") == b"a 2\n"
    clone.git("checkout", "-q", "v0.0")
    assert clone.read("data/a.csv") == b"a 1\n"
    clone.git("checkout", "-q", "main")
    clone.check()


def test_the_environment_wins_and_is_for_one_command(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    story = tell("shims")
    with fetching(monkeypatch, "none"):
        clone = clone_of(story)
    assert not (clone.path / "model.bin").exists()
    assert clone.cached() == set()
    assert clone.changes() == []
    clone.git("commit", "-q", "--allow-empty", "-m", "nothing")
    clone.git("reset", "-q", "--hard")
    clone.git("checkout", "-q", "-b", "side")
    assert not (clone.path / "model.bin").exists(), "a version that has not changed brings nothing"
    with fetching(monkeypatch, "data/sub*"):
        clone.git("checkout", "-q", "v0.0")
    assert clone.tree("data") == {"sub/b.csv": md5("b 1\n")}
    assert clone.changes() == []
    clone.git("checkout", "-q", "main")
    assert clone.tree("data") == {"sub/b.csv": md5("b 1\n")}
    clone.cpv("sync")
    clone.check()


def test_what_is_there_is_kept_up_to_date_or_taken_away(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never stays as it was: that would be a change."""
    story = tell("live")
    with fetching(monkeypatch, "none"):
        story.git("checkout", "-q", "v0.0")
        assert story.read("model.bin") == b"model 1\n", "it costs no fetch"
        for name in ("model.bin.dvc", "metrics.log.dvc", "data.dvc"):
            oid = story.oid_at("main", name)
            (story.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]).unlink()
        done = story.git("checkout", "-q", "main")
    assert "left out data (2 files, 8 B), metrics.log (24 B), model.bin (8 B)" in done.text
    assert not (story.path / "model.bin").exists()
    assert story.changes() == []
    assert md5("model 1\n") in story.cached()


def test_a_folder_that_is_partly_there(tell: Tell) -> None:
    story = tell("live")
    clone = clone_of(story, "--only", "model", "data/sub/*")
    assert clone.tree("data") == {"sub/b.csv": md5("b 1\n")}
    assert artifact(clone, "data")["left_out"] == 1
    fetched = {"data.dvc": clone.oid_at("HEAD", "data.dvc"), "model.bin": md5("model 2\n"), "sub/b.csv": md5("b 1\n")}
    assert clone.cached() == set(fetched.values()), "the list of the folder's files and the one that is wanted"
    # One file changed: the other's entry is carried on.
    clone.put("data/sub/b.csv", "b 3\n")
    clone.put("data/sub/c.csv", "c 3\n")
    assert clone.changes() == [" M data.dvc"]
    clone.git("commit", "-qam", "b and c")
    clone.git("push", "-q", "origin", "HEAD:refs/heads/side")
    named = pointer(clone, "data.dvc")
    assert listed(clone, named["md5"]) == {"a.csv": md5("a 2\n"), "sub/b.csv": md5("b 3\n"), "sub/c.csv": md5("c 3\n")}
    assert (named["nfiles"], named["size"]) == (3, 12)
    # A file that is there and is removed is a deletion.
    (clone.path / "data/sub/b.csv").unlink()
    clone.git("commit", "-qam", "without b")
    assert listed(clone, pointer(clone, "data.dvc")["md5"]).keys() == {"a.csv", "sub/c.csv"}
    # One that is written in the place of an absent one is a change.
    clone.put("data/a.csv", "a 4\n")
    clone.git("commit", "-qam", "a")
    named = pointer(clone, "data.dvc")
    assert listed(clone, named["md5"]) == {"a.csv": md5("a 4\n"), "sub/c.csv": md5("c 3\n")}
    clone.git("checkout", "-q", "HEAD~2")
    clone.git("checkout", "-q", "-")
    clone.cpv("sync", "data", "--kind", "metrics")
    clone.check()


@pytest.mark.parametrize(
    ("only", "written", "kept"), [("data/sub/*", "a.csv/x", "sub/b.csv"), ("data/a*", "sub", "a.csv")]
)
def test_a_folder_in_the_place_of_an_absent_file(tell: Tell, only: str, written: str, kept: str) -> None:
    """Or a file in the place of a folder: it replaces what was there, whether the base is known or not."""
    story = tell("live")
    clone = clone_of(story, "--only", "model", "metrics", only)
    clone.put(f"data/{written}", "new\n")
    clone.git("commit", "-qam", "new")
    assert listed(clone, clone.oid_at("HEAD", "data.dvc")).keys() == {written, kept}
    clone.cpv("sync", "data")
    clone.check()
    shutil.rmtree(clone.path / ".git/cpv/trees")
    (clone.path / ".git/cpv/index.json").unlink()
    clone.write("data.dvc", story.read("data.dvc"))
    assert clone.changes() == []


PAGE = (Path(__file__).parents[2] / "docs/partial-data.md").read_text()


def test_the_page_shows_what_happens(tell: Tell) -> None:
    story = tell("shims")
    clone = clone_of(story, "--no-fetch")
    block = PAGE.partition("```console\n")[2].partition("```")[0]
    for step in block.removeprefix("$ ").split("\n$ "):
        command, _, shown = step.partition("\n")
        words = shlex.split(command)
        done = clone.cpv(*words[2:]) if words[0] == "dvc" else clone.run(*words)
        assert shown.strip() in done.text
        assert shown.strip() or words[:2] != ["git", "status"] or done.text == ""
    clone.git("checkout", "-q", "main")
    clone.check()
    clone.write("x/.cpv.toml", PAGE.partition("```toml\n")[2].partition("```")[0])
    assert load_config(clone.path / "x").fetch == {
        "kinds": ("model", "metrics"),
        "include": ("data/sample",),
        "exclude": ("data/raw/*",),
    }


def test_an_index_that_is_lost_makes_no_deletions(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    story = tell("live")
    with fetching(monkeypatch, "data/sub/*"):
        clone = clone_of(story)
    shutil.rmtree(clone.path / ".git/cpv/trees")
    (clone.path / ".git/cpv/index.json").unlink()
    assert clone.changes() == []
    clone.put("data/sub/b.csv", "b 3\n")
    clone.git("commit", "-qam", "b")
    assert listed(clone, pointer(clone, "data.dvc")["md5"]) == {"a.csv": md5("a 2\n"), "sub/b.csv": md5("b 3\n")}
    assert "size" not in pointer(clone, "data.dvc"), "nobody has seen how large the others are"
    clone.cpv("sync")
    clone.check()


def test_an_absent_file_with_the_content_of_one_that_is_there(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the cache has it does not say that it was here."""
    story = tell("live")
    story.put("data/c.csv", "b 1\n")
    story.git("commit", "-qam", "the same twice")
    with fetching(monkeypatch, "data/sub/*"):
        clone = clone_of(story)
    clone.git("sparse-checkout", "set", "--no-cone", "/train.py")
    clone.git("sparse-checkout", "disable")
    assert clone.changes() == []
    assert clone.tree("data") == {"sub/b.csv": md5("b 1\n")}


def test_what_dvc_adds_of_a_folder_that_is_partly_there_gets_the_rest_back(tell: Tell) -> None:
    """DVC names what is here; a version that has no more is another matter."""
    story = tell("live")
    clone = clone_of(story, "--only", "model", "metrics", "data/sub/*")
    clone.dvc("add", "-q", "data")
    assert clone.changes() == []
    clone.put("data/sub/b.csv", "b 3\n")
    clone.dvc("add", "-q", "data")
    clone.git("commit", "-qam", "third")
    clone.git("push", "-q", "origin", "HEAD:refs/heads/side")
    assert listed(clone, clone.oid_at("HEAD", "data.dvc")) == {"a.csv": md5("a 2\n"), "sub/b.csv": md5("b 3\n")}
    (story.path / "data/a.csv").unlink()
    story.git("commit", "-qam", "without a")
    clone.git("fetch", "-q")
    clone.git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "checkout", "-q", "v0.1")
    clone.cpv("sync")
    clone.git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "checkout", "-q", "origin/main")
    assert clone.changes() == []
    clone.check()


@pytest.mark.parametrize("tells_of_index", [True, False])
def test_a_merge_that_takes_the_absent_files_away(tell: Tell, tells_of_index: bool) -> None:
    """Its pointer names what is here and nothing else, and no commit has it yet; Git's hooks may say so late."""
    story = tell("live")
    clone = clone_of(story, "--only", "model", "metrics", "data/sub/*")
    if not tells_of_index:
        clone.git("config", "--unset", "core.fsmonitor")
        (clone.path / ".git/hooks/post-index-change").unlink()
    (story.path / "data/a.csv").unlink()
    story.git("commit", "-qam", "without a")
    clone.put("data/sub/b.csv", "b 3\n")
    clone.git("commit", "-qam", "b")
    clone.git("pull", "-q", "--no-rebase", "--no-edit")
    assert clone.changes() == []
    assert clone.oid_at("HEAD", "data.dvc") == dir_oid(dir_object_bytes([("sub/b.csv", md5("b 3\n"))]))


def test_a_folder_of_which_nothing_is_known_waits_for_its_list(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody writes into a folder that was left out is no version of it without the rest."""
    story = tell("live")
    with fetching(monkeypatch, "none"):
        clone = clone_of(story)
    clone.put("data/new.csv", "new\n")
    done = clone.git("commit", "-qm", "new", "--allow-empty")
    assert f"data: the cache lacks object {clone.oid_at('HEAD', 'data.dvc')}; fix: dvc cpv sync" in done.text
    assert clone.oid_at("HEAD", "data.dvc") == story.oid_at("HEAD", "data.dvc")
    with fetching(monkeypatch, "none"):
        clone.cpv("sync")
    clone.git("commit", "-qam", "new")
    assert listed(clone, pointer(clone, "data.dvc")["md5"]).keys() == {"a.csv", "sub/b.csv", "new.csv"}
    assert not (clone.path / "data/a.csv").exists()
    assert clone.changes() == []


def test_what_was_not_meant(live: Story) -> None:
    refused(live.cpv("sync", "dta", status=None), "dta: names no artifact, and no file in one; fix: dvc cpv status")
    refused(live.cpv("sync", "data/no.csv", status=None), "data/no.csv: is not in this version; fix: dvc cpv sync data")
    refused(live.cpv("sync", "../x", status=None), "'../x' is outside the repository")
    refused(live.cpv("sync", "--kind", "extra", status=None), "there is no artifact of kind extra")
    refused(live.cpv("install", "--only", "/etc", status=None), "'/etc' is outside the repository")
    refused(live.cpv("config", "set", "fetch", "../x", status=None), "fetch must be all, none, or kinds and patterns")
    assert not (live.path / ".git/cpv/fetch.json").exists()
    done = live.run("git", "checkout", "v0.0", env={"CPV_FETCH": "../x"}, status=None)
    assert "CPV_FETCH: '../x' is outside the repository; fix: name artifacts" in done.text
    live.git("checkout", "-q", "main")
    live.check()


def test_a_clone_of_models_alone_at_a_version(tell: Tell) -> None:
    story = tell("live")
    host = story.path.parent / "host.git"
    story.git("clone", "-q", "--bare", ".", host)
    outside = Story(story.path.parent, "live")
    refused(outside.cpv("clone", f"file://{host}", "--tag", "v9", status=None), "no clone was made (status 128)")
    outside.cpv("clone", f"file://{host}", "--only", "model", "--tag", "v0.0", "--depth", "1")
    clone = Story(outside.path / "host", "live")
    assert clone.read("model.bin") == b"model 1\n"
    assert not (clone.path / "data").exists()
    assert clone.git("rev-list", "--count", "HEAD").out.strip() == "1"
    clone.git("checkout", "-q", "main")
    clone.put("model.bin", "model 3\n")
    clone.git("commit", "-qam", "third")
    assert clone.tags_at() == ["v0.2"], "all tags came"
    clone.git("push", "-q", "origin", "main")
    assert clone.changes() == []
    assert "v0.2" in clone.cpv("log").out
    assert "not in the work tree" not in clone.cpv("validate", status=None).text
    # A metric needs the log, which `dvc cpv sync` alone leaves out again.
    upload = ("model", "upload", clone.write("../new/model.bin", "model 4\n"), "--metric", "loss=0.5")
    refused(clone.cpv(*upload, status=None), "metrics.log: is not in the work tree; fix: dvc cpv sync metrics.log\n")
    clone.cpv("sync", "metrics.log")
    assert clone.cpv(*upload).lines == ["v0.3"]


def test_going_back_and_rescues_in_a_clone_of_some(tell: Tell) -> None:
    story = tell("live")
    clone = clone_of(story, "--only", "model", "metrics", "data/a*")
    clone.cpv("model", "revert", "--tag", "v0.0")
    assert clone.tree("data") == {"a.csv": md5("a 1\n")}
    assert clone.read("model.bin") == b"model 1\n"
    assert clone.changes() == []
    clone.git("checkout", "-q", "main")
    clone.put("data/a.csv", "a 5\n")
    assert clone.changes() == [" M data.dvc"]
    clone.git("checkout", "-q", "-f", "v0.0")
    assert clone.read("data/a.csv") == b"a 1\n"
    clone.git("checkout", "-q", "main")
    (clone.path / ".git/cpv/fetch.json").unlink()
    clone.cpv("rescue", "restore", "1")
    assert clone.tree("data") == {"a.csv": md5("a 5\n")}, "nobody asked for the rest"
    clone.git("commit", "-qam", "rescued")
    assert listed(clone, pointer(clone, "data.dvc")["md5"]) == {"a.csv": md5("a 5\n"), "sub/b.csv": md5("b 1\n")}
    clone.cpv("verify", "HEAD")
    clone.cpv("prune", "--yes")
    clone.cpv("sync", "data")
    clone.check()


def test_both_sides_of_a_merge_add_to_a_folder_that_is_left_out(tell: Tell) -> None:
    story = tell("live")
    clone = clone_of(story, "--only", "model", "metrics", "data/mine*")
    story.put("data/theirs.csv", "theirs\n")
    story.git("commit", "-qam", "theirs")
    clone.put("data/mine.csv", "mine\n")
    clone.git("commit", "-qam", "mine")
    clone.git("pull", "-q", "--no-rebase", "--no-edit")
    assert clone.tree("data") == {"mine.csv": md5("mine\n")}
    assert clone.changes() == []
    names = {"a.csv", "sub/b.csv", "mine.csv", "theirs.csv"}
    assert listed(clone, pointer(clone, "data.dvc")["md5"]).keys() == names
    run_plain_dvc(clone, "pull")
    assert clone.tree("data").keys() == names
    clone.agree()


KILLED = """
import os, signal, sys
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync import sync_policy
from cpv_hooks.worktree.placer import Placer

place = Placer.place

def die(*args, **options):
    place(*args, **options)
    os.kill(os.getpid(), signal.SIGKILL)

Placer.place = die
guarded_sync(Repo.discover(), getattr(sync_policy, sys.argv[1]))
"""


def test_a_kill_while_some_of_a_folder_is_brought(tell: Tell) -> None:
    """Half of it is nobody's edit, whether the version is another or the files are more."""
    story = tell("live")
    story.put("data/a2.csv", "a2 2\n")
    story.git("commit", "-qam", "one more")
    clone = clone_of(story, "--only", "model", "metrics", "data/a*")
    clone.git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "checkout", "-q", "v0.0")
    clone.python("-c", KILLED, "CHECKOUT", status=-signal.SIGKILL)
    assert clone.changes() == []
    assert clone.tree("data") == {"a.csv": md5("a 1\n")}
    clone.git("checkout", "-q", "main")
    with_rest = listed(clone, pointer(clone, "data.dvc")["md5"])
    (clone.path / ".git/cpv/fetch.json").unlink()
    clone.python("-c", KILLED, "SYNC", status=-signal.SIGKILL)
    assert clone.changes() == []
    assert clone.tree("data") == with_rest
    clone.check()


KILLED_AT_THE_INDEX = """
import os, signal
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.sync_policy import SYNC
from cpv_hooks.worktree.base_index import Index

Index.save = lambda index: os.kill(os.getpid(), signal.SIGKILL)
guarded_sync(Repo.discover(), SYNC)
"""


def test_a_kill_between_a_folders_tree_and_the_index_forgets_no_deletion(tell: Tell) -> None:
    """The old base says which files were there, until the new one is whole."""
    story = tell("live")
    story.put("data/a2.csv", "a2 2\n")
    story.git("commit", "-qam", "one more")
    clone = clone_of(story, "--only", "model", "metrics", "data/a*")
    trees = clone.path / ".git/cpv/trees"
    (clone.path / "data/a2.csv").unlink()
    clone.put("data/a.csv", "a 3\n")
    clone.python("-c", KILLED_AT_THE_INDEX, status=-signal.SIGKILL)
    clone.git("commit", "-qam", "without a2")
    assert listed(clone, clone.oid_at("HEAD", "data.dvc")).keys() == {"a.csv", "sub/b.csv"}
    assert len(list(trees.iterdir())) == 1
    assert clone.changes() == []


def test_what_else_reads_the_work_tree(tell: Tell) -> None:
    story = tell("live")
    clone = clone_of(story, "--only", "model", "metrics", "data/a*")
    clone.put("data/a.csv", "a 3\n")
    clone.cpv("checkpoint", "create", "-m", "third")
    assert clone.tags_at() == ["data-v0.2", "v0.2"]
    assert md5("a 3\n") in clone.stored()
    clone.git("worktree", "add", "-q", "../tree", "v0.0")
    tree = Story(story.path.parent / "tree", "live")
    assert tree.tree("data") == {"a.csv": md5("a 1\n")}
    assert tree.changes() == []
    # All that is there was removed: no deletion, as with a whole artifact, and the same command brings it.
    shutil.rmtree(clone.path / "data")
    clone.git("commit", "-q", "--allow-empty", "-am", "nothing")
    assert listed(clone, clone.oid_at("HEAD", "data.dvc")).keys() == {"a.csv", "sub/b.csv"}
    clone.cpv("sync")
    assert clone.tree("data") == {"a.csv": md5("a 3\n")}
    clone.git("sparse-checkout", "set", "--cone", "--sparse-index", ".dvc")
    clone.git("sparse-checkout", "disable")
    assert clone.tree("data") == {"a.csv": md5("a 3\n")}
    assert clone.changes() == []
    assert "a.csv" in clone.cpv("diff", "v0.1").out
    clone.cpv("sync", "--kind", "data")
    clone.agree()


def test_a_sync_saves_what_is_there_before_it_brings_the_rest(tell: Tell) -> None:
    story = tell("shims")
    clone = clone_of(story, "--only", "data/sub/*", "model", "metrics")
    clone.put("data/a.csv", "mine\n")
    clone.put("data/sub/b.csv", "b 3\n")
    clone.put("data/c.csv", "c\n")
    (clone.path / "data/a.csv").unlink()
    done = clone.cpv("sync", "data")
    assert "saved data; run `git commit`" in done.text
    assert clone.tree("data") == {"a.csv": md5("a 2\n"), "sub/b.csv": md5("b 3\n"), "c.csv": md5("c\n")}
    clone.git("commit", "-qam", "third")
    clone.agree()


def test_what_is_removed_and_not_wanted_is_left_out(tell: Tell) -> None:
    """So its space is freed; its content stays where it is needed."""
    story = tell("live", settings=ONLY_MODEL)
    assert story.read("data/a.csv") == b"a 2\n", "what is there stays"
    shutil.rmtree(story.path / "data")
    done = story.cpv("sync")
    assert "left out data (2 files, 8 B); dvc cpv sync data brings it" in done.text
    assert story.changes() == []
    story.cpv("prune", "--yes")
    assert md5("a 2\n") in story.cached()
    story.cpv("sync", ".")
    story.check()


def test_one_tensor_of_a_model(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes alone travel, and nothing of it goes into the cache."""
    story = tell("shims")
    whole = (Path(__file__).parents[1] / "models/one.safetensors").read_bytes()
    story.put("model.bin", whole)
    story.git("commit", "-qam", "tensors")
    with fetching(monkeypatch, "none"):
        clone = clone_of(story)
    done = clone.cpv("model", "download", "--tensor", "layer.bias", "--to", "bias.safetensors")
    assert done.out.strip().endswith("bias.safetensors")
    found = clone.read("bias.safetensors")
    length = int.from_bytes(found[:8], "little")
    assert json.loads(found[8 : 8 + length]) == {"layer.bias": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}
    start = 8 + int.from_bytes(whole[:8], "little")
    assert found[8 + length :] == whole[start + 24 : start + 28]
    assert clone.cached() == set()
    fix = "dvc cpv model info --tensors --tag v0.2"
    refused(clone.cpv("model", "download", "--tensor", "x", "--to", "x", status=None), "there is no tensor 'x'", fix)
    refused(clone.cpv("model", "download", "--tensor", "x", status=None), "--tensor and --to belong together")
    again = clone.cpv("model", "download", "--tensor", "layer.bias", "--to", "bias.safetensors", status=None)
    refused(again, "exists already", "name another --to")
