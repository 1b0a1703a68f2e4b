"""`plan_tag`: the work tree as it is gets its versions, all on one commit with its data on the remote, or none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRepo

from cpv_hooks.console.output import size_text
from cpv_hooks.console.plan import Plan
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.operations.make.tag import plan_tag
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import tag_refs
from support.repos import ModelRepo, object_names
from support.unchanged import nothing_changes

MODEL, DATA = Line.MODEL, Line.DATA
BOTH = (MODEL, DATA)


def plan(repo: ModelRepo, lines: Sequence[Line], **options: Any) -> Plan[tuple[str, ...]]:
    return plan_tag(Project.find_all(Repo.discover(repo.path))[0], lines, **options)


def tag(repo: ModelRepo, lines: Sequence[Line], **options: Any) -> tuple[str, ...]:
    return plan(repo, lines, **options).run()


def stored(repo: ModelRepo) -> set[str]:
    return object_names(repo.path.parent / "storage/files/md5")


def subject(repo: ModelRepo) -> str:
    return repo.git("log", "-1", "--format=%s").out.strip()


def test_both_lines_get_their_next_number_on_one_commit(versions: ModelRepo) -> None:
    versions.write("model.bin", b"second")
    versions.write("data/new", "x")
    versions.write("metrics.log", '{"loss": 0.1}\n')
    assert tag(versions, BOTH, messages={MODEL: "Better", DATA: "More"}) == ("v0.1", "data-v0.1")
    assert subject(versions) == "Model v0.1, data data-v0.1: Better; More"
    assert versions.git("rev-parse", "v0.1^{}", "data-v0.1^{}").lines == [versions.head()] * 2
    found = {item.name: item.info.subject for item in tag_refs.read_tags(Repo.discover(versions.path))}
    assert (found["v0.1"], found["data-v0.1"]) == ("Better", "More")
    assert {versions.md5("model.bin"), versions.md5("data/new"), versions.md5("metrics.log")} <= stored(versions)
    assert versions.changes() == []


def test_one_version_for_both_is_the_same_number(versions: ModelRepo) -> None:
    assert tag(versions, BOTH, version="2.0") == ("v2.0", "data-v2.0")
    assert tag(versions, BOTH, version="v3.0", messages={MODEL: "same", DATA: "same"}) == ("v3.0", "data-v3.0")


def test_what_is_committed_gets_the_next_number_without_a_commit(versions: ModelRepo) -> None:
    head = versions.head()
    made = plan(versions, [MODEL])
    assert [str(effect) for effect in made.effects] == ["git: create refs/tags/v0.1"]
    assert made.run() == ("v0.1",)
    assert versions.head() == head
    assert tag_refs.read_tags(Repo.discover(versions.path), name="v0.1")[0].info.subject == "v0.1: first"


def test_only_the_artifacts_of_the_line_are_taken(versions: ModelRepo) -> None:
    versions.write("model.bin", b"second")
    versions.write("data/a", "changed")
    assert tag(versions, [DATA]) == ("data-v0.1",)
    assert subject(versions) == "Data data-v0.1: data"
    assert versions.git("show", "--format=", "--name-only", "HEAD").lines == ["data.dvc"]
    assert versions.changes() == [" M model.bin.dvc"]
    assert tag(versions, [MODEL]) == ("v0.1",)


def test_a_pointer_that_a_look_has_written_already_is_committed(versions: ModelRepo) -> None:
    versions.write("model.bin", b"second")
    assert versions.changes() == [" M model.bin.dvc"]
    assert tag(versions, [MODEL]) == ("v0.1",)
    assert versions.git("show", "--format=", "--name-only", "HEAD").lines == ["model.bin.dvc"]
    assert versions.changes() == []


def test_an_artifact_that_has_no_pointer_yet_is_added(make_repo: MakeRepo) -> None:
    repo = make_repo()
    repo.write("model.bin", b"first")
    repo.write("data/a", "1")
    assert tag(repo, BOTH) == ("v0.0", "data-v0.0")
    assert repo.git("show", "--format=", "--name-only", "HEAD").lines == [".gitignore", "data.dvc", "model.bin.dvc"]
    assert repo.changes() == []
    repo.dvc("status", "-q")


def test_an_artifact_that_is_not_there_keeps_its_pointer(versions: ModelRepo) -> None:
    (versions.path / "model.bin").unlink()
    assert tag(versions, [MODEL]) == ("v0.1",)
    assert versions.git("show", "v0.1:model.bin.dvc").out == versions.read("model.bin.dvc").decode()


def test_the_data_of_what_was_committed_is_complete_before_the_tag(versions: ModelRepo) -> None:
    """Committed with a colleague's plain DVC, and never pushed."""
    lost, size = versions.md5("model.bin"), size_text(len(versions.read("model.bin")))
    remote = versions.path.parent / "storage/files/md5" / lost[:2] / lost[2:]
    remote.unlink()
    (versions.path / ".git/cpv/queue.db").unlink()
    with nothing_changes(versions.path, versions.path.parent / "storage"):
        made = plan(versions, [MODEL])
    assert [str(effect) for effect in made.effects] == [f"s3: put {remote} ({size})", "git: create refs/tags/v0.1"]
    made.run()
    assert remote.read_bytes() == versions.read("model.bin")


def test_data_that_nobody_has_is_no_version(versions: ModelRepo) -> None:
    lost = versions.md5("data/a")
    for store in (versions.path / ".dvc/cache", versions.path.parent / "storage"):
        path = store / "files/md5" / lost[:2] / lost[2:]
        path.chmod(0o644)
        path.unlink()
    (versions.path / ".git/cpv/queue.db").unlink()
    with nothing_changes(versions.path), pytest.raises(CPVError) as caught:
        tag(versions, [MODEL])
    assert caught.value.what == "neither the cache nor the remote has data/a"
    assert caught.value.fix == "dvc cpv sync, or dvc push in a clone that has it"


def test_a_directory_that_only_the_remote_lists_is_looked_up(versions: ModelRepo) -> None:
    text = versions.read("data.dvc").decode()
    [listing] = [name for name in versions.objects() if name.endswith(".dir") and name in text]
    path = versions.path / ".dvc/cache/files/md5" / listing[:2] / listing[2:]
    path.unlink()
    (versions.path / ".git/cpv/queue.db").unlink()
    with nothing_changes(versions.path):
        made = plan(versions, [MODEL])
    assert made.run() == ("v0.1",)


@pytest.mark.parametrize("taken", ["v0.1", "data-v0.1"])
def test_either_both_tags_or_none(versions: ModelRepo, taken: str) -> None:
    versions.write("model.bin", b"second")
    made = plan(versions, BOTH)
    versions.git("tag", taken)
    tree, head = versions.tree(), versions.head()
    with pytest.raises(CPVError, match="rolled back: tag, commit, pointers"):
        made.run()
    assert versions.tags() == sorted(["data-v0.0", "v0.0", taken])
    assert (versions.tree(), versions.head()) == (tree, head)
    assert versions.changes() == [" M model.bin.dvc"]
    assert versions.read("model.bin") == b"second"


def test_versions_that_cannot_be(versions: ModelRepo) -> None:
    for version, problem in (
        ("nonsense", "'nonsense' is not a version of this repository"),
        ("", "'' is not a version of this repository"),
        ("v0.0", "the tag v0.0 exists already"),
        ("../../heads/main", "is not a version"),
    ):
        with nothing_changes(versions.path), pytest.raises(CPVError, match=problem.replace(".", r"\.")):
            tag(versions, BOTH, version=version)
    with nothing_changes(versions.path), pytest.raises(CPVError, match="the message cannot be empty"):
        tag(versions, BOTH, messages={DATA: ""})


def test_artifacts_that_cannot_be_taken(versions: ModelRepo) -> None:
    versions.git("checkout", "-q", "-b", "side")
    versions.write("data.dvc", "<<<<<<< ours\n")
    with nothing_changes(versions.path), pytest.raises(CPVError, match=r"data\.dvc: has merge conflict markers"):
        tag(versions, [DATA])


def test_a_pointer_that_was_edited_by_hand_is_settled_first(versions: ModelRepo) -> None:
    text = versions.read("model.bin.dvc").decode()
    (versions.path / "model.bin.dvc").write_text(text.replace(versions.md5("model.bin"), "a" * 32))
    with nothing_changes(versions.path), pytest.raises(CPVError) as caught:
        tag(versions, [MODEL])
    assert str(caught.value) == ("model.bin: does not match its changed pointer; fix: dvc cpv sync")


def test_what_a_stage_wrote_is_committed_by_its_lock(versions: ModelRepo, tmp_path: Path) -> None:
    versions.write("dvc.yaml", "stages:\n  fit:\n    cmd: echo fitted >fitted.bin\n    outs: [fitted.bin]\n")
    versions.git("add", "-A")
    versions.commit("stage")
    versions.dvc("repro", "-q")
    assert tag(versions, [MODEL])[0].startswith("v0.")
    assert "dvc.lock" in versions.git("show", "--format=", "--name-only", "HEAD").lines
    versions.write("fitted.bin", "by hand")
    with pytest.raises(CPVError, match="has changed, and its pointer belongs to DVC; fix: dvc repro"):
        tag(versions, [MODEL])
