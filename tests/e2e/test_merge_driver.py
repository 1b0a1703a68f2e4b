"""The merge driver: a conflict in a pointer is one as Git makes it, whatever verb meets it and however DVC ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import Story
from e2e.test_verbs_merge import fork
from support import stand_in
from support.shell import Result, Shell

MARKERS = (b"<<<<<<< ours\n", b"=======\n", b">>>>>>> theirs\n")


def stash_pop(story: Story) -> Result:
    story.git("reset", "-q", "--hard", "HEAD^")
    story.put("model.bin", "model theirs\n")
    story.git("stash", "-q")
    story.put("model.bin", "model ours\n")
    story.git("commit", "-qam", "ours again")
    return story.git("stash", "pop", status=None)


# What meets the conflict, the file that says what is under way, and what ends it.
VERBS: dict[str, tuple[Callable[[Story], Result], str | None, tuple[str, ...]]] = {
    "merge": (lambda story: story.git("merge", "theirs", status=None), "MERGE_HEAD", ("commit", "-qm", "merged")),
    "cherry-pick": (
        lambda story: story.git("cherry-pick", "theirs", status=None),
        "CHERRY_PICK_HEAD",
        ("-c", "core.editor=true", "cherry-pick", "--continue"),
    ),
    "rebase": (
        lambda story: story.git("rebase", "theirs", status=None),
        "rebase-merge",
        ("-c", "core.editor=true", "rebase", "--continue"),
    ),
    "revert": (
        lambda story: story.git("revert", "--no-edit", "HEAD^", status=None),
        "REVERT_HEAD",
        ("-c", "core.editor=true", "revert", "--continue"),
    ),
    "stash pop": (stash_pop, None, ("commit", "-qm", "popped")),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_conflict_in_a_pointer_is_one_that_git_knows(tell: Tell, verb: str, side: str) -> None:
    story = tell()
    if verb == "revert":
        story.put("model.bin", "model between\n")
        story.git("commit", "-qam", "between")
        story.put("model.bin", "model ours\n")
        story.git("commit", "-qam", "ours")
    else:
        fork(story, {"model.bin": "model ours\n"}, {"model.bin": "model theirs\n"})
    meet, state, go_on = VERBS[verb]
    done = meet(story)
    assert done.status == 1, done.text
    assert "CONFLICT (content)" in done.text
    assert "fail" not in done.err.replace("Automatic merge failed", ""), done.err
    assert story.changes() == ["UU model.bin.dvc"]
    assert all(marker in story.read("model.bin.dvc") for marker in MARKERS)
    if state:
        assert (story.path / ".git" / state).exists()
    story.git("checkout", "-q", f"--{side}", "model.bin.dvc")
    story.git("add", "model.bin.dvc")
    if verb == "rebase" and side == "ours":
        go_on = ("rebase", "--skip")
    elif verb in ("cherry-pick", "revert") and side == "ours":
        go_on = (verb, "--skip")
    elif verb == "stash pop" and side == "ours":
        go_on = ("stash", "drop")
    story.git(*go_on)
    assert not any(marker in story.read("model.bin.dvc") for marker in MARKERS)
    story.check()


def test_pointer_with_markers_that_is_added_is_never_committed(live: Story) -> None:
    """Nobody has chosen: our side is not taken in silence."""
    fork(live, {"model.bin": "model ours\n"}, {"model.bin": "model theirs\n"})
    live.git("merge", "theirs", status=1)
    live.git("add", "model.bin.dvc")
    assert "has merge conflict markers" in live.git("commit", "-m", "merged", status=1).err
    live.git("checkout", "-q", "-m", "model.bin.dvc")
    live.git("checkout", "-q", "--theirs", "model.bin.dvc")
    live.git("add", "model.bin.dvc")
    live.git("commit", "-qm", "merged")
    assert live.read("model.bin") == b"model theirs\n"
    live.check()


def test_change_of_one_side_and_note_of_the_other_are_joined(live: Story) -> None:
    """As text: DVC's driver refuses pointers of files, and ones whose other fields differ."""
    live.git("checkout", "-q", "-b", "theirs")
    live.write("model.bin.dvc", live.read("model.bin.dvc").decode() + "meta:\n  license: mit\n")
    live.git("commit", "-qam", "license")
    live.git("checkout", "-q", "main")
    live.put("model.bin", "model ours\n")
    live.git("commit", "-qam", "ours")
    live.git("merge", "-q", "--no-edit", "theirs")
    assert live.saved("model.bin", "model ours\n")
    assert b"license: mit" in live.read("model.bin.dvc")
    live.check()


# The script itself

FOLDER = "outs:\n- md5: {}.dir\n  size: 2\n  nfiles: 1\n  hash: md5\n  path: data\n"


def driver(shell: Shell, python: str = sys.executable) -> Path:
    from cpv_hooks.setup.install.shims import Interpreter, merge_driver_script

    here = Interpreter.current()
    path = shell.write("driver", merge_driver_script(Interpreter(python, here.package, here.flags)))
    path.chmod(0o755)
    return path


def sides(shell: Shell) -> None:
    for name, letter in (("base", "a"), ("ours", "b"), ("theirs", "c")):
        shell.write(name, FOLDER.format(letter * 32))


def conflicted(shell: Shell) -> None:
    assert b"<<<<<<< ours" in shell.read("ours")
    assert b">>>>>>> theirs" in shell.read("ours")
    assert not list(shell.path.glob("**/.merge_file*"))


@pytest.mark.parametrize("script", ["kill -9 $$", "exit 255", "exit 129", "exit 1", "exit 127", ': >"$7"; kill -9 $$'])
def test_however_dvc_ends_the_driver_ends_with_a_conflict(shell: Shell, script: str) -> None:
    """Above 128 Git, from 2.42 on, takes it for a crash and leaves the merge half-way."""
    shell.git("init", "-q")
    (shell.path / ".dvc").mkdir()
    fake = shell.write("python", f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    path = driver(shell, str(fake))
    sides(shell)
    shell.run(path, "base", "ours", "theirs", "7", "data.dvc", status=1)
    conflicted(shell)


def test_dvc_root_that_is_not_there_is_no_success(shell: Shell) -> None:
    """DVC's driver does nothing there and ends with 0: their side would be gone without a word."""
    shell.git("init", "-q")
    path = driver(shell)
    sides(shell)
    shell.run(path, "base", "ours", "theirs", "7", "models/data.dvc", status=1)
    conflicted(shell)


def test_folders_of_a_dvc_root_below_the_top_are_joined(tmp_path: Path, shell: Shell) -> None:
    """Git runs a merge driver at the top, where DVC finds no root of its own."""
    shell.git("init", "-q")
    models = Shell(shell.write("models/keep", "").parent)
    shell.run("dvc", "init", "-q", "--subdir", cwd="models")
    models.write(".cpv.toml", '[cpv]\nteam = "t"\nmodel = "m"\n[artifacts]\ndata = ["data"]\n')
    models.write(
        ".dvc/config",
        f"[core]\n    remote = s\n['remote \"s\"']\n    url = {tmp_path.parent / (tmp_path.name + '-storage')}\n",
    )

    stand_in.install(shell.path)
    models.write("data/a", "a")
    shell.git("add", "-A")
    shell.commit("first")
    main = shell.git("branch", "--show-current").out.strip()
    shell.git("checkout", "-q", "-b", "theirs")
    models.write("data/theirs", "theirs")
    shell.commit("theirs", "-a")
    shell.git("checkout", "-q", main)
    models.write("data/ours", "ours")
    shell.commit("ours", "-a")
    shell.git("merge", "-q", "--no-edit", "theirs")
    assert models.tree("data").keys() == {"a", "ours", "theirs"}
    assert shell.changes() == []
