"""Clones: with CPV, without it, and after a push."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.story import FIRST, Story
from support.shell import Shell


def clone_of(story: Story, name: str = "clone") -> Story:
    """A clone beside the original, so that `../../storage` is the same remote."""
    story.git("clone", "-q", ".", f"../{name}")
    return Story(story.path.parent / name, "live", story.written)


def test_clone_and_install(any_story: Story) -> None:
    story = any_story
    story.train(3)
    story.git("commit", "-qm", "third")
    clone = clone_of(story)
    assert not (clone.path / "model.bin").exists()
    clone.cpv("install")
    assert clone.tree() == story.tree()
    clone.git("checkout", "-q", "v0.0")
    assert clone.read("model.bin") == b"model 1\n"
    clone.git("checkout", "-q", "main")
    clone.put("model.bin", "model 4\n")
    clone.git("commit", "-qm", "fourth")
    assert clone.tags_at() == ["v0.3"]
    clone.agree()
    assert clone.dvc_status() == {}
    assert clone.git("fsck", "--full", "--strict", "--no-progress").err == ""


@pytest.mark.compatibility("Hook managers", "pre-commit, installed before or after CPV, or alone")
def test_clone_and_pre_commit_install_alone(live: Story) -> None:
    clone = clone_of(live)
    clone.python("-m", "pre_commit", "install")
    clone.git("checkout", "-q", "v0.0")
    assert clone.read("model.bin") == FIRST["model.bin"].encode()
    clone.git("checkout", "-q", "main")
    clone.put("model.bin", "model 4\n")
    clone.git("commit", "-qm", "fourth")
    assert clone.tags_at() == ["v0.2"]
    clone.agree()


@pytest.mark.parametrize("tag", ["v0.0", "v0.1", "v0.2"])
def test_clone_without_cpv_has_the_same_bytes(story: Story, tag: str) -> None:
    """Plain Git and plain DVC, `verify = true` on the remote; no hook of ours is there."""
    story.train(3)
    story.git("commit", "-qm", "third")
    story.git("checkout", "-q", tag)
    held = story.tree()
    clone = clone_of(story)
    clone.git("checkout", "-q", tag)
    hooks = [path for path in (clone.path / ".git/hooks").iterdir() if path.suffix != ".sample"]
    assert hooks == []
    assert clone.git("config", "core.fsmonitor", status=1).out == ""
    # Isolated from the plugin: DVC without its site's .pth files, started from its own folder of packages.
    run_plain_dvc(clone, "pull")
    assert clone.tree() == held
    assert run_plain_dvc(clone, "status").strip() == "Data and pipelines are up to date."
    assert clone.git("fsck", "--full", "--strict", "--no-progress").err == ""


def run_plain_dvc(clone: Shell, *args: str) -> str:
    """DVC in a Python that runs no .pth file (`-S`), where `dvc cpv` does not exist."""
    import dvc

    packages = str(Path(dvc.__file__).parents[1])
    code = (
        f"import sys; sys.path.append({packages!r})\n"
        "from dvc.cli import main\n"
        "status = main(sys.argv[1:])\n"
        "assert 'cpv_hooks' not in sys.modules and 'dvc_cpv_plugin' not in sys.modules\n"
        "sys.exit(status)\n"
    )
    return clone.python("-S", "-c", code, *args).out


def test_plain_dvc_does_not_know_cpv(live: Story) -> None:
    import dvc

    packages = str(Path(dvc.__file__).parents[1])
    code = f"import sys; sys.path.append({packages!r}); from dvc.cli import main; sys.exit(main(['cpv', '--help']))"
    assert live.python("-S", "-c", code, status=None).status != 0


def test_push_then_clone_of_the_host(story: Story) -> None:
    host = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", host)
    story.git("remote", "add", "origin", host)
    story.train(3)
    story.git("commit", "-qm", "third")
    story.git("push", "-q", "-u", "origin", "main")
    story.git("clone", "-q", host, "../clone")
    clone = Story(story.path.parent / "clone", "live")
    assert "v0.2" in clone.tags(), "annotated tags travel with their commits"
    run_plain_dvc(clone, "pull")
    assert clone.tree() == story.tree()


@pytest.mark.compatibility("Git layouts", "shallow clone")
def test_shallow_and_single_branch_clones(live: Story) -> None:
    live.train(3)
    live.git("commit", "-qm", "third")
    live.git("clone", "-q", "--depth", "1", f"file://{live.path}", "../shallow")
    clone = Story(live.path.parent / "shallow", "live", live.written)
    clone.cpv("install")
    assert clone.tree() == live.tree()
    clone.put("model.bin", "model 4\n")
    clone.git("commit", "-qm", "fourth")
    assert clone.saved("model.bin", "model 4\n")
    clone.agree()
