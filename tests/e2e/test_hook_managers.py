"""Hook managers beside CPV, installed after it, before it, once more, and removed: their hooks run as they do alone."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from cpv_hooks.git.hook_names import STAGES
from e2e.conftest import Tell
from e2e.story import Story, refused
from e2e.test_chaining import fingerprint
from support import stand_in
from support.hook_managers import MANAGERS, Notes
from support.shell import Shell

HOST = "../host.git"
# What hooks say of a commit, of a new branch and of a push: Git's own arguments and input, or what pre-commit hands on.
BY_GIT = [
    ["pre-commit", "prepare-commit-msg .git/COMMIT_EDITMSG message", "commit-msg .git/COMMIT_EDITMSG", "post-commit"],
    ["post-checkout ID ID 1"],
    [f"pre-push {HOST} {HOST}", "stdin: refs/heads/main ID refs/heads/main ID"],
]
BY_FRAMEWORK = [
    ["pre-commit", "prepare-commit-msg .git/COMMIT_EDITMSG", "commit-msg .git/COMMIT_EDITMSG", "post-commit"],
    ["post-checkout"],
    ["pre-push"],
]
FRAMEWORKS = ("pre-commit", "prek")
"""They keep the hook that they find, and run it."""
EVERYWHERE = "`core.hooksPath` for all repositories of a user"


def spoken(story: Story, notes: Notes, number: int) -> list[list[str]]:
    """What each of three Git commands made the manager's hooks say; tags are CPV's own."""
    story.put("model.bin", f"model {number}\n")
    story.write("train.py", f"print({number})\n")
    said = []
    notes.take()
    for verb in (
        ("commit", "-qam", "code and data"),
        ("checkout", "-q", "-B", "main"),
        ("push", "-q", HOST, "main"),
    ):
        story.git(*verb)
        said.append([re.sub("[0-9a-f]{40}", "ID", line) for line in notes.take() if "refs/tags/" not in line])
    assert story.saved("model.bin", f"model {number}\n")
    story.agree()
    return said


def put_in_place(story: Story, has_to: bool) -> None:
    """What a user does where the next Git command says that CPV's hooks do not run any more."""
    assert ("fix: dvc cpv install" in story.git("status").err) is has_to
    if has_to:
        stand_in.install(story.path)
        story.cpv("sync")


@pytest.mark.compatibility(
    "Hook managers",
    each=MANAGERS,
    limit="if it took over CPV's hooks, the next Git command says so; run `dvc cpv uninstall` before you remove it",
)
@pytest.mark.parametrize("name", MANAGERS)
def test_the_life_of_a_manager(tell: Tell, tmp_path: Path, name: str) -> None:
    manager, notes = MANAGERS[name], Notes(tmp_path)
    expected = BY_FRAMEWORK if name in FRAMEWORKS else BY_GIT
    story = tell("live", files=manager.files(notes.program))
    story.git("init", "-q", "--bare", HOST)
    # Installed after CPV.
    manager.install(story, notes.program)
    put_in_place(story, name not in FRAMEWORKS)
    assert spoken(story, notes, 3) == expected
    story.cpv("uninstall")
    # Before it, and then a newer version over it.
    manager.install(story, notes.program)
    before = fingerprint(story)
    stand_in.install(story.path)
    assert spoken(story, notes, 4) == expected
    manager.install(story, notes.program)
    put_in_place(story, name not in (*FRAMEWORKS, EVERYWHERE))
    notes.take()
    story.write("train.py", "print('code alone')\n")
    story.git("commit", "-qam", "code alone")
    assert notes.take() == expected[0]
    assert story.tags_at("HEAD~1") == ["v0.3"]
    for hook, verb in (("pre-commit", ("commit", "-qm", "six")), ("pre-push", ("push", HOST, "HEAD:refs/heads/six"))):
        notes.refuse(hook)
        story.put("model.bin", "model 6\n")
        refused(story.git(*verb, status=None))
        assert story.tags_at("HEAD~1") == ["v0.3"]
    notes.refuse("")
    story.cpv("uninstall")
    assert fingerprint(story) == before
    # Gone.
    notes.take()
    manager.remove(story)
    stand_in.install(story.path)
    story.put("model.bin", "model 7\n")
    story.git("commit", "-qam", "seven")
    assert (notes.take(), story.tags_at()) == ([], ["v0.4"])


def test_prek_alone(tell: Tell) -> None:
    """As pre-commit alone: `prek install` is all that a clone gets."""
    story = tell("live")
    story.cpv("uninstall")
    story.run("prek", "install")
    story.train(3)
    story.git("commit", "-m", "data alone, in one go")
    assert story.tags_at() == ["data-v0.2", "v0.2"]
    story.git("checkout", "-q", "v0.0")
    assert story.read("model.bin") == b"model 1\n"
    story.git("checkout", "-q", "main")
    story.check()
    story.write("train.py", "print('staged')\n")
    story.git("add", "train.py")
    story.put("model.bin", "model 4\n")
    story.dvc("add", "-q", "model.bin")
    done = story.git("commit", "-m", "beside", status=None)
    refused(done, "model.bin.dvc: has unstaged changes, which prek has stashed")
    story.git("add", "model.bin.dvc")
    story.git("commit", "-m", "fourth")
    assert story.tags_at() == ["v0.3"]
    story.check()
    ours = story.cpv("install").text
    assert "pre-commit: also runs" in ours
    assert story.cpv("uninstall").text.count("prek still runs CPV; fix: prek uninstall -t pre-commit") == 1


@pytest.mark.compatibility("Hook managers", "prek with a `prek.toml`")
def test_a_prek_toml(tell: Tell) -> None:
    """Its own kind of configuration, which goes before the one of pre-commit."""
    hooks = ",\n".join(
        f'  {{ id = "cpv-{name}", name = "CPV", language = "system", entry = "cpv-hook {name}", stages = ["{name}"], '
        f"always_run = true, pass_filenames = {str(name == 'prepare-commit-msg').lower()} }}"
        for name in STAGES
    )
    types = ", ".join(f'"{name}"' for name in STAGES)
    text = f'default_install_hook_types = [{types}]\n[[repos]]\nrepo = "local"\nhooks = [\n{hooks},\n]\n'
    story = tell("live", files={"prek.toml": text})
    story.git("rm", "-q", ".pre-commit-config.yaml")
    story.git("commit", "-qm", "prek alone")
    # After CPV: its hooks still run, by prek.
    story.run("prek", "install")
    assert story.git("status", "--porcelain").text == ""
    story.train(3)
    story.git("commit", "-qm", "third")
    assert story.tags_at() == ["data-v0.2", "v0.2"]
    # In the place of CPV's.
    story.run("prek", "install", "--overwrite")
    assert story.git("status", "--porcelain").text == ""
    said = story.run("sh", "-c", "cp -r .git copy && sh copy/cpv/uninstall; rm -r copy").text
    assert "prek still runs CPV; take the hooks cpv-... out of its configuration, or: prek uninstall" in said
    assert story.cpv("uninstall").text.count("prek still runs CPV; fix: prek uninstall -t pre-commit") == 1
    # Alone.
    story.put("model.bin", "model 4\n")
    story.git("commit", "-m", "fourth")
    assert story.tags_at() == ["v0.3"]
    story.git("checkout", "-q", "v0.0")
    assert story.read("model.bin") == b"model 1\n"
    story.git("checkout", "-q", "main")
    story.check()


@pytest.mark.compatibility("Hook managers", "git-lfs in the same repository")
def test_git_lfs_in_the_same_repository(tell: Tell, tmp_path: Path) -> None:
    story = tell("live")
    story.cpv("uninstall")
    story.git("lfs", "install", "--local")
    before = fingerprint(story)
    story.git("lfs", "track", "*.png")
    stand_in.install(story.path)
    story.write("plot.png", b"png\0" * 1000)
    story.git("add", "-A")
    story.train(3)
    story.git("commit", "-qm", "third")
    assert story.tags_at() == ["data-v0.2", "v0.2"]
    assert story.git("show", "HEAD:plot.png").out.startswith("version https://git-lfs")
    host = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", host)
    story.git("push", "-q", host.as_uri(), "main")
    assert list((host / "lfs/objects").rglob("*/*")), "the hook of git-lfs sent its object"
    story.git("checkout", "-q", "v0.0")
    assert not (story.path / "plot.png").exists()
    story.git("checkout", "-q", "main")
    assert story.read("plot.png") == b"png\0" * 1000
    story.check()
    story.cpv("uninstall")
    assert fingerprint(story) == before


@pytest.mark.compatibility("Hook managers", "git-annex in the same repository")
def test_git_annex_in_the_same_repository(tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hooks that `git annex init` writes; the program is one that notes how it is called."""
    notes = Notes(tmp_path)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/git-annex"
    program.write_text(f'#!/bin/sh\nexec {notes.program} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    written = {
        "pre-commit": "git annex pre-commit .",
        "post-checkout": "git annex smudge --update",
        "post-merge": "git annex smudge --update",
    }
    story = tell("live", hooks=written)
    notes.take()
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert (notes.take(), story.tags_at()) == (["pre-commit ."], ["v0.2"])
    story.git("checkout", "-q", "-b", "side", "v0.0")
    assert notes.take() == ["smudge --update"]
    story.git("merge", "-q", "main")
    assert notes.take() == ["smudge --update"]
    story.check()


@pytest.mark.compatibility("Hook managers", "this repository as a source of hooks for pre-commit and prek")
def test_the_manifest_is_one_for_both(shell: Shell) -> None:
    manifest = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
    shell.python("-m", "pre_commit", "validate-manifest", manifest)
    shell.run("prek", "validate-manifest", manifest)
