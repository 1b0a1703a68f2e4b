"""Hooks where the usual tools are few or others: busybox (Alpine, containers), or a PATH with little on it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cpv_hooks.setup.install.shims import is_our_shim
from e2e.conftest import Tell
from e2e.story import Story

pytestmark = pytest.mark.real_hooks
FEW = ("cat", "chmod", "find", "head", "ln", "mkdir", "mv", "rm", "tr")


def busybox(folder: Path) -> Path:
    """A folder with every program of busybox, and its shell."""
    program = shutil.which("busybox")
    assert program is not None
    for name in Story(folder).run(program, "--list").lines:
        (folder / name).symlink_to(program)
    return folder / "sh"


def few(folder: Path) -> Path:
    """A folder with what POSIX has and the hooks need, and nothing else; the shell is the system's."""
    for name in FEW:
        (folder / name).symlink_to(str(shutil.which(name)))
    return Path("/bin/sh")


@pytest.mark.compatibility("Platforms", "busybox alone (Alpine), its shell and its tools")
def test_busybox(tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    the_story(tell, tmp_path, monkeypatch, busybox)


@pytest.mark.compatibility("Platforms", "a PATH with a few tools of POSIX")
def test_few_tools(tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    the_story(tell, tmp_path, monkeypatch, few)


def the_story(tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tools: object) -> None:
    story = tell("live", hooks={"pre-push": "cat >/dev/null"})
    folder = tmp_path / "bin"
    folder.mkdir()
    shell = tools(folder)  # type: ignore[operator]
    for hook in (story.path / ".git/hooks").iterdir():
        if is_our_shim(hook):
            hook.write_text(hook.read_text().replace("#!/bin/sh\n", f"#!{shell}\n", 1))
    for name in ("git", "git-upload-pack", "git-receive-pack"):
        (folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(folder))
    assert story.git("status", "--porcelain").text == ""
    story.train(3)
    assert story.git("commit", "-qm", "data alone").text == "cpv: tagged v0.2 data-v0.2\n"
    assert story.git("status", "--porcelain").text == ""
    story.write("train.py", "print('code')\n")
    assert story.git("commit", "-qam", "code alone").text == ""
    story.git("init", "-q", "--bare", "../host.git")
    story.git("remote", "add", "origin", "../host.git")
    assert story.git("push", "-q", "origin", "main").text == ""
    assert story.git("push", "-q", "origin", "main").text == ""
    assert story.git("checkout", "-q", "v0.0").text == ""
    assert story.read("model.bin") == b"model 1\n"
    assert story.git("checkout", "-q", "main").text == ""
    story.put("model.bin", "unsaved\n")
    story.git("stash")
    story.git("stash", "pop")
    assert story.read("model.bin") == b"unsaved\n"
    story.agree(" M model.bin.dvc")
    assert os.environ["PATH"] == str(folder)
