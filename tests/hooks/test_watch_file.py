"""The shell's own answer to "has anything changed?": never a wrong no."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.sync import watch_file
from cpv_hooks.sync.sync_policy import QUERY
from cpv_hooks.system import signatures
from support import engine
from support.repos import ModelRepo
from support.shell import Result

pytestmark = pytest.mark.real_hooks

SETTINGS = '[artifacts]\nmodel = ["model.bin"]\ndata = ["data"]\nmetrics = ["metrics.log"]\nextra = ["heads/*.pt"]\n'
SHELLS = ("dash", "bash")


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    made = make_repo(install=False, settings=SETTINGS, files={"model.bin": b"one", "data/a": b"1", "data/sub/b": b"2"})
    made.write(".dvcignore", "# nothing\n")
    made.write("dvc.yaml", "stages: {}\n")
    agree(made)
    return made


def agree(repo: ModelRepo) -> None:
    for _ in range(3):
        report = engine.run(repo, QUERY)
    assert report.settled, report.outcomes
    assert not says_so(changed(repo))


def changed(repo: ModelRepo, shell: str = "sh") -> Result:
    """What the shims ask."""
    return repo.run(*shell.split(), "-c", ". .git/cpv/watch && cpv_changed .git/cpv/stamp", status=None)


def rewrite_with_old_time(repo: ModelRepo) -> None:
    before = (repo.path / "model.bin").stat()
    repo.write("model.bin", b"two")
    os.utime(repo.path / "model.bin", ns=(before.st_atime_ns, before.st_mtime_ns))


def copy_over(repo: ModelRepo) -> None:
    repo.write("../source", b"two")
    repo.run("touch", "-d", "2001-01-01", "../source")
    repo.run("cp", "-p", "../source", "model.bin")


def move_over(repo: ModelRepo) -> None:
    repo.write("../source", b"two")
    repo.run("touch", "-d", "2001-01-01", "../source")
    repo.run("mv", "../source", "data/a")


CHANGES: dict[str, Callable[[ModelRepo], object]] = {
    "the model": lambda repo: repo.write("model.bin", b"two"),
    "touch": lambda repo: os.utime(repo.path / "model.bin"),
    "an old time": rewrite_with_old_time,
    "cp -p": copy_over,
    "mv": move_over,
    "chmod": lambda repo: (repo.path / "model.bin").chmod(0o755),
    "a file of a folder": lambda repo: repo.write("data/sub/b", b"3"),
    "a new file": lambda repo: repo.write("data/new", b"3"),
    "a new file below": lambda repo: repo.write("data/sub/deeper/new", b"3"),
    "a file less": lambda repo: (repo.path / "data/sub/b").unlink(),
    "a file renamed": lambda repo: (repo.path / "data/a").rename(repo.path / "data/c"),
    "no model": lambda repo: (repo.path / "model.bin").unlink(),
    "no data": lambda repo: repo.run("rm", "-r", "data"),
    "a pointer": lambda repo: repo.write("model.bin.dvc", repo.read("model.bin.dvc") + b"desc: x\n"),
    "no pointer": lambda repo: (repo.path / "model.bin.dvc").unlink(),
    "the settings": lambda repo: repo.write(".cpv.toml", SETTINGS + "[push]\n"),
    ".dvcignore": lambda repo: repo.write(".dvcignore", "*.tmp\n"),
    "dvc.yaml": lambda repo: repo.write("dvc.yaml", "stages:\n"),
    "dvc config": lambda repo: repo.write(".dvc/config.local", ""),
    "a name that was absent": lambda repo: repo.write("metrics.log", "{}\n"),
    "a glob": lambda repo: repo.write("heads/a.pt", b"1"),
    "dvc add": lambda repo: (repo.write("other.bin", b"1"), repo.dvc("add", "-q", "other.bin")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(repo: ModelRepo, change: str) -> None:
    CHANGES[change](repo)
    assert not (repo.path / ".git/cpv/stamp").exists() or says_so(changed(repo))


def says_so(result: Result) -> bool:
    """The shims take a name or a failure of `find` for a change."""
    return result.out != "" or result.status != 0


@pytest.mark.compatibility("Platforms", "hooks run by dash or bash")
@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gives_the_same_answer(repo: ModelRepo, shell: str) -> None:
    assert changed(repo, shell).text == ""
    repo.write("data/a", b"3")
    assert changed(repo, shell).out == "./data/a\n"


@pytest.mark.compatibility(
    "Platforms",
    "busybox alone (Alpine), its shell and its tools",
    limit="its `find` has no `-cnewer`, so a hook with nothing to do still starts Python",
)
def test_busybox_is_never_sure(repo: ModelRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = str(shutil.which("busybox"))
    for name in ("find", "sh"):
        (tmp_path / name).symlink_to(program)  # not every build takes its own tools before those of PATH
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = changed(repo, "sh")
    assert says_so(found) and "-cnewer" in found.err
    repo.write("data/a", b"3")
    assert says_so(changed(repo, "sh"))


def test_a_change_in_the_tick_of_the_look_counts(repo: ModelRepo) -> None:
    """However close the write follows the sync."""
    for number in range(20):
        engine.run(repo, QUERY)
        engine.run(repo, QUERY)
        repo.write("model.bin", f"{number:03}".encode())
        assert not (repo.path / ".git/cpv/stamp").exists() or changed(repo).out == "./model.bin\n"


def test_the_stamp_stands_only_while_all_agrees(repo: ModelRepo) -> None:
    stamp = repo.path / ".git/cpv/stamp"
    assert stamp.exists()
    repo.write("model.bin.dvc", "outs: [\n")
    assert not engine.run(repo, QUERY).settled
    assert not stamp.exists()
    repo.git("checkout", "-q", "--", "model.bin.dvc")
    engine.run(repo, QUERY)
    assert stamp.exists()
    watch_file.forget(engine.git_repo(repo))
    assert not stamp.exists()


NAMES = [
    "with space",
    "'quote",
    'double"quote',
    "$(touch broken)",
    "`touch broken`",
    "-rf",
    "ü",
    "semi;touch broken",
    "a*b",
    "#x",
]


def test_names_are_data_and_never_shell(repo: ModelRepo) -> None:
    for name in NAMES:
        repo.write(name, b"1")
    repo.dvc("add", "-q", "--", *NAMES)
    agree(repo)
    for number, name in enumerate(NAMES):
        repo.write(name, f"changed {number}".encode())
        assert changed(repo).out == f"./{name}\n"
        engine.run(repo, QUERY)
        agree(repo)
    assert not (repo.path / "broken").exists()


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_links_into_the_cache_count_as_the_files_they_are(repo: ModelRepo, kind: str) -> None:
    repo.dvc("config", "cache.type", kind)
    repo.run("rm", "model.bin")
    repo.dvc("checkout", "-q", "model.bin.dvc")
    assert (repo.path / "model.bin").is_symlink() == (kind == "symlink")
    agree(repo)
    repo.run("dvc", "unprotect", "model.bin")
    repo.write("model.bin", b"two")
    assert "model.bin" in changed(repo).out


def test_known_roots_are_remembered(repo: ModelRepo) -> None:
    git = engine.git_repo(repo)
    assert watch_file.known_roots(git) == [repo.path]
    (git.state / "projects.json").write_bytes(b"\xff")
    assert watch_file.known_roots(git) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_snapshot_leaves_the_shell_sure_at_once(repo: ModelRepo, shell: str) -> None:
    repo.write("model.bin", b"two")
    repo.write("heads/a[1]*.pt", b"new")
    wait_past_the_tick(repo)
    assert engine.states(engine.run(repo, QUERY)) == {"model.bin": "snapshot", "heads/a[1]*.pt": "snapshot"}
    assert not says_so(changed(repo, shell))


@pytest.mark.parametrize(
    "name", ["model.bin", "model.bin.dvc", "data/a", "data.dvc", "heads/a[1]*.pt.dvc", "heads/b.pt", ".cpv.toml"]
)
def test_after_a_snapshot_the_shell_sees_every_other_change(repo: ModelRepo, name: str) -> None:
    repo.write("model.bin", b"two")
    repo.write("heads/a[1]*.pt", b"new")
    wait_past_the_tick(repo)
    engine.run(repo, QUERY)
    repo.write(name, (repo.path / name).read_bytes() if (repo.path / name).exists() else b"")
    assert says_so(changed(repo))


def wait_past_the_tick(repo: ModelRepo) -> None:
    """A file that was written in the tick in which the look begins is looked at again."""
    written, probe = max(path.stat().st_ctime_ns for path in repo.path.rglob("*")), repo.path.parent / "tick"
    while probe.touch() or probe.stat().st_mtime_ns <= written:  # type: ignore[func-returns-value]
        time.sleep(0.001)


# A large directory, which two processes look at


@pytest.fixture
def large(repo: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> ModelRepo:
    monkeypatch.setattr(signatures, "MANY_FILES", 5)
    for number in range(4):
        repo.write(f"data/deep/{number}/file", b"x")
        repo.write(f"data/deep/{number}/below/file", b"x")
    repo.write("data/deep/file", b"x")
    (repo.path / "data/sub/b").unlink()
    (repo.path / "data/sub").rmdir()
    agree(repo)
    agree(repo)
    assert "wait" in (repo.path / ".git/cpv/watch").read_text()
    return repo


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "change",
    [
        lambda repo: repo.write("data/deep/0/file", b"changed"),
        lambda repo: repo.write("data/deep/1/below/file", b"changed"),
        lambda repo: repo.write("data/deep/2/below/new", b"new"),
        lambda repo: repo.write("data/deep/new/file", b"new"),
        lambda repo: repo.write("data/deep/file", b"changed"),
        lambda repo: repo.write("data/a", b"changed"),
        lambda repo: repo.write("data/new/file", b"new"),
        lambda repo: (repo.path / "data/deep/3/below/file").unlink(),
        lambda repo: shutil.rmtree(repo.path / "data/deep/3"),
        lambda repo: shutil.rmtree(repo.path / "data"),
        lambda repo: repo.write("model.bin", b"changed"),
    ],
)
def test_a_change_in_either_half_is_seen(large: ModelRepo, change: Callable[[ModelRepo], object], shell: str) -> None:
    assert not says_so(changed(large, shell))
    change(large)
    assert says_so(changed(large, shell))


def test_a_flat_directory_is_looked_at_as_one(large: ModelRepo) -> None:
    shutil.rmtree(large.path / "data")
    for number in range(8):
        large.write(f"data/{number}", b"x")
    agree(large)
    assert "wait" not in (large.path / ".git/cpv/watch").read_text()
