"""Every version of a history, read at once: the same as Git says of each by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cpv_hooks import state_files
from cpv_hooks.git import libgit2, records
from cpv_hooks.git.libgit2 import open_repository
from cpv_hooks.git.repo import Repo
from cpv_hooks.history import reader
from cpv_hooks.history.reader import Recorded
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from support import two_versions
from support.repos import ModelRepo
from support.shell import Shell

POINTER = "outs:\n- md5: {}\n  size: {}\n  hash: md5\n  path: {}\n"


@pytest.fixture
def model(tmp_path: Path) -> ModelRepo:
    return two_versions.copy(tmp_path)


@pytest.fixture(autouse=True)
def _by_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a history of more than a thousand tags."""
    monkeypatch.setattr(libgit2, "MANY", 0)


def read(shell: Shell) -> dict[str, Recorded]:
    repo = Repo.discover(shell.path)
    return {one.name: one for one in reader.read_history(repo, Project.find_all(repo))}


def said(shell: Shell) -> dict[str, tuple[object, ...]]:
    """All that is known of each version, as values that can be compared."""
    return {
        name: (one.line, one.number, one.commit, one.time, one.author, one.message, one.metrics, one.artifacts,
               str(one.error))
        for name, one in read(shell).items()
    }  # fmt: skip


def by_git(shell: Shell, version: Recorded) -> None:
    """What was read is what Git says of this version alone."""
    assert version.error is None
    assert version.commit == shell.git("rev-parse", f"{version.name}^{{commit}}").out.strip()
    kind = shell.git("cat-file", "-t", version.name).out.strip()
    time = "%(taggerdate:unix)" if kind == "tag" else "%(committerdate:unix)"
    said = shell.git("for-each-ref", f"--format={time} %(contents:subject)", f"refs/tags/{version.name}").out
    assert f"{version.time} {version.message}\n" == said
    assert version.author == shell.git("log", "-1", "--format=%an <%ae>", version.name, "--").out.strip()
    project = two_versions.project_of(shell)
    own = [one for one in pointers_at(project, version.commit) if Line.of(project.kind_of(one.path)) is version.line]
    assert [(one.kind, one.pointer) for one in version.artifacts] == [(project.kind_of(one.path), one) for one in own]


def test_versions_are_what_git_says_of_each(model: ModelRepo) -> None:
    model.cpv("tag", "v0.9", "-m", "Ninth\n\nof them")
    model.cpv("tag", "v0.10", "--both")
    model.git("tag", "v1", "-m", "no version of this scheme")
    model.git("tag", "foreign/v2.0")
    found = read(model)
    assert list(found) == ["data-v0.10", "v0.0", "v0.1", "v0.9", "v0.10"], "by line, then by number"
    for version in found.values():
        by_git(model, version)
    assert found["v0.10"].metrics == {"loss": 1}
    assert found["v0.9"].message == "Ninth"
    assert found["v0.0"].metrics == {}, "a lightweight tag says nothing"
    assert [one.pointer.path for one in found["data-v0.10"].artifacts] == ["data"]


def test_packed_and_in_a_linked_work_tree(model: ModelRepo, tmp_path: Path) -> None:
    model.git("pack-refs", "--all")
    model.git("gc", "-q", "--prune=now")
    before = said(model)
    model.git("worktree", "add", "-q", str(tmp_path / "linked"), "v0.0")
    assert said(Shell(tmp_path / "linked")) == before


def test_a_repository_that_libgit2_cannot_open(shell: Shell) -> None:
    shell.git("init", "-q", "--object-format=sha256")
    shell.write(".cpv.toml", "")
    shell.write(".dvc/config", "")
    shell.write("deep/er/model.bin.dvc", POINTER.format("0" * 31 + "a", 7, "model.bin"))
    shell.write("data.dvc", POINTER.format("0" * 31 + "b.dir", 8, "data"))
    shell.git("add", "-A")
    shell.git("commit", "-qm", "one")
    shell.git("tag", "data-v0.0")
    shell.git("tag", "v0.0", "-m", "one\n\nCpv-Line: model\nCpv-Metric: loss=5")
    assert open_repository(Repo.discover(shell.path)) is None
    found = read(shell)
    assert list(found) == ["data-v0.0", "v0.0"]
    for version in found.values():
        by_git(shell, version)
    assert found["v0.0"].metrics == {"loss": 5}


def test_a_replaced_commit_is_seen_as_git_sees_it(model: ModelRepo) -> None:
    first, second = (model.git("rev-parse", name).out.strip() for name in ("v0.0", "v0.1"))
    model.git("replace", first, second)
    found = read(model)
    assert found["v0.0"].artifacts == found["v0.1"].artifacts
    assert open_repository(Repo.discover(model.path)) is None


def test_what_a_partial_clone_lacks_is_fetched(model: ModelRepo, tmp_path: Path) -> None:
    model.git("config", "uploadpack.allowFilter", "true")
    model.git("config", "uploadpack.allowAnySHA1InWant", "true")
    model.git("clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{model.path}", str(tmp_path / "partial"))
    part = Shell(tmp_path / "partial")
    part.git("checkout", "-q", "main", status=None)
    assert said(part) == said(model)


def test_a_tag_of_a_tag_and_one_of_no_commit(model: ModelRepo) -> None:
    model.git("tag", "inner", "-m", "inner")
    model.git("tag", "v0.2", "-m", "outer", "inner")
    model.git("tag", "v0.3", "HEAD:model.bin.dvc")
    model.git("tag", "v0.4", "-m", "a blob", "HEAD:model.bin.dvc")
    found = read(model)
    assert (found["v0.2"].commit, found["v0.2"].message) == (model.head(), "outer")
    for name in ("v0.3", "v0.4"):
        assert "names no commit" in str(found[name].error)
        assert found[name].artifacts == ()


def test_a_damaged_pointer_is_the_error_of_its_version_alone(model: ModelRepo) -> None:
    model.write("model.bin.dvc", "outs:\n- md5: nothing\n  path: model.bin\n")
    model.git("add", "-A")
    model.git("commit", "-qm", "damaged")
    model.git("tag", "v0.2")
    found = read(model)
    assert "md5 is not a DVC hash: 'nothing'" in str(found["v0.2"].error)
    assert (found["v0.2"].artifacts, found["v0.2"].message) == ((), "damaged")
    for name in ("v0.0", "v0.1"):
        by_git(model, found[name])


def test_an_object_that_is_gone(model: ModelRepo) -> None:
    blob = model.git("rev-parse", "v0.0:model.bin.dvc").out.strip()
    (model.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    found = read(model)
    assert "is not in this clone" in str(found["v0.0"].error)
    by_git(model, found["v0.1"])


def test_pointers_below_folders_and_not_those_of_nested_roots(model: ModelRepo) -> None:
    model.write("a/b/x.bin.dvc", POINTER.format("0" * 31 + "a", 7, "x.bin"))
    model.write("nested/.dvc/config", "")
    model.write("nested/y.bin.dvc", POINTER.format("0" * 31 + "b", 7, "y.bin"))
    os.symlink("a/b/x.bin.dvc", model.path / "link.dvc")
    model.git("add", "-A")
    model.git("commit", "-qm", "deep")
    model.git("tag", "v0.2")
    found = read(model)["v0.2"]
    assert [one.pointer.path for one in found.artifacts] == ["a/b/x.bin", "metrics.log", "model.bin"]
    by_git(model, found)


def test_a_commit_in_another_encoding(model: ModelRepo) -> None:
    message = model.path / "message"
    message.write_bytes("für".encode("latin-1"))
    model.git("-c", "i18n.commitEncoding=latin-1", "commit", "-q", "--allow-empty", "-F", message)
    model.git("tag", "v0.2")
    assert read(model)["v0.2"].message == "für"


@pytest.mark.parametrize("data", [b"", b"tree", b"\xff\n\n", b"tree 12\nauthor\n\n"])
def test_what_is_no_commit(data: bytes) -> None:
    assert records.parse_commit(data) is None
    assert records.parse_tag(data) is None


def test_a_commit_without_a_usable_time() -> None:
    found = records.parse_commit(
        b"tree 12\nparent 34\nauthor A <a> x\ncommitter B <b> -7 +0000\nencoding nonsense\n\nhi"
    )
    assert found == records.Commit("12", "A <a> x", 0, "hi")


def test_read_together_or_one_by_one_by_the_library_or_by_git(
    model: ModelRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(number: int, *options: str) -> None:
        model.git("add", "-A")
        model.git("commit", "-q", "--allow-empty", "-m", f"work {number}")
        model.git("tag", f"v0.{number}", *options)

    model.write("nested/.dvc/config", "")
    model.write("nested/.cpv.toml", "")
    model.write("nested/y.bin.dvc", POINTER.format("0" * 31 + "b", 7, "y.bin"))
    version(2, "-m", "two\n\nCpv-Line: model\nCpv-Metric: loss=0.5")
    model.write("nested/y.bin.dvc", POINTER.format("0" * 31 + "f", 7, "y.bin"))
    model.write("model.bin.dvc", POINTER.format("0" * 31 + "c", "010", "model.bin"))  # for YAML, and as long
    model.write("model.bim.dvc", POINTER.format("0" * 31 + "d", 9, "model.bim"))
    version(3)
    model.git("mv", "model.bim.dvc", "model.bin.dvc", "-f")  # the same length, another name
    model.write("code.py", "print()")
    version(4, "-m", "four")
    model.write("pipe/dvc.yaml", "stages:\n  a:\n    cmd: x\n    outs:\n    - out.bin\n")
    lock = "schema: '2.0'\nstages:\n  a:\n    cmd: x\n    outs:\n    - path: out.bin\n      md5: {}\n      size: 3\n"
    model.write("pipe/dvc.lock", lock.format("0" * 31 + "e"))
    version(5)
    model.write("pipe/dvc.yaml", "stages: {}\n")  # the lock file is the same, and says no output any more
    version(6)
    model.write("model.bin.dvc", "outs: nothing\n")
    version(7)
    model.git("tag", "-m", "outer", "v0.8", "v0.4")
    model.git("tag", "v0.9", "HEAD:code.py")
    gone = model.git("rev-parse", "v0.2:nested/y.bin.dvc").out.strip()
    (model.path / ".git/objects" / gone[:2] / gone[2:]).unlink()

    one_by_one = said(model)
    together = read(model)
    reader.look_ahead(together.values())
    assert [one.artifacts for one in together.values()] == [one[-2] for one in one_by_one.values()]
    assert {name for name, one in together.items() if one.error} == {"v0.2", "v0.7", "v0.9"}
    paths = [[item.pointer.path for item in together[f"v0.{n}"].artifacts] for n in (4, 5, 6)]
    assert paths[0] == paths[2] == [path for path in paths[1] if path != "pipe/out.bin"] != paths[1]
    assert open_repository(Repo.discover(model.path)) is not None
    with monkeypatch.context() as few:
        few.setattr(libgit2, "MANY", 1000)
        assert said(model) == one_by_one
    model.git("replace", "HEAD:code.py", "HEAD:.cpv.toml")  # no pointer: Git itself is asked, for the same
    assert open_repository(Repo.discover(model.path)) is None
    assert said(model) == one_by_one
    by_git_together = read(model)
    reader.look_ahead(by_git_together.values())
    assert [one.artifacts for one in by_git_together.values()] == [one[-2] for one in one_by_one.values()]
    model.git("replace", "-d", "HEAD:code.py")
    monkeypatch.setattr(reader, "FEW", 0)
    reader.look_ahead(read(model).values())
    assert (Repo.discover(model.path).shared / state_files.HISTORY).is_file()
    assert said(model) == one_by_one, "as it was kept"
