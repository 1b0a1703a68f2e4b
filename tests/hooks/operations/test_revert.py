"""`plan_revert`: back to a version, all of it or its data alone, with nothing lost and nothing half-done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cpv_hooks.console.plan import Plan
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.operations.make.tag import plan_tag
from cpv_hooks.operations.revert.revert import plan_revert
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.worktree.rescue_list import rescues
from support.repos import ModelRepo
from support.unchanged import nothing_changes

MODEL, DATA = Line.MODEL, Line.DATA
BOTH = (MODEL, DATA)


def project_of(repo: ModelRepo) -> Project:
    return Project.find_all(Repo.discover(repo.path))[0]


def plan(repo: ModelRepo, lines: Sequence[Line], tag: str, **options: Any) -> Plan[None]:
    return plan_revert(project_of(repo), lines, tag, **options)


def revert(repo: ModelRepo, lines: Sequence[Line], tag: str, **options: Any) -> None:
    plan(repo, lines, tag, **options).run()


def refused(repo: ModelRepo, lines: Sequence[Line], tag: str, **options: Any) -> str:
    with nothing_changes(repo.path), pytest.raises(CPVError) as caught:
        revert(repo, lines, tag, **options)
    return str(caught.value)


def rescued(repo: ModelRepo) -> list[tuple[str, str]]:
    return [(rescue.path, rescue.why) for rescue in rescues(Repo.discover(repo.path))]


def first(repo: ModelRepo) -> dict[str, str]:
    """The tree of v0.0, as it was when that was made."""
    found: dict[str, str] = json.loads((repo.path.parent / "first.json").read_text())
    return found


# All of it


@pytest.mark.parametrize(("lines", "tag"), [([MODEL], "v0.0"), (BOTH, "v0.0"), (BOTH, "data-v0.0"), ([MODEL], "0.0")])
def test_a_whole_version_comes_back(two: ModelRepo, lines: Sequence[Line], tag: str) -> None:
    code = two.read(".gitignore")
    revert(two, lines, tag)
    assert two.git("symbolic-ref", "-q", "HEAD", status=None).out == ""
    assert two.git("describe", "--exact-match", "--match", "v*").out.strip() == "v0.0"
    assert two.tree() == first(two)
    assert two.changes() == []
    assert rescued(two) == []
    assert not (two.path / ".git/cpv/journal").exists()
    assert code != two.read(".gitignore")
    two.git("checkout", "-q", "main")
    assert two.read("extra.bin") == b"extra"
    assert two.changes() == []


def test_it_can_go_to_the_version_that_is_there(two: ModelRepo) -> None:
    before = two.tree()
    revert(two, [MODEL], "v1.0")
    revert(two, [MODEL], "v1.0")
    assert two.tree() == before
    assert two.git("status").lines[0] == "HEAD detached at v1.0"


def test_a_branch_of_the_same_name_is_not_meant(two: ModelRepo) -> None:
    two.git("branch", "v0.0")
    revert(two, [MODEL], "v0.0")
    assert two.tree() == first(two)
    assert two.git("status").lines[0] == "HEAD detached at v0.0"


def test_unsaved_artifacts_are_kept(two: ModelRepo) -> None:
    two.write("model.bin", b"unsaved")
    two.write("extra.bin", b"unsaved too")
    two.write("data/mine", "m")
    two.changes()
    two.git("add", "model.bin.dvc")
    revert(two, [MODEL], "v0.0")
    assert two.tree() == first(two)
    assert two.changes() == []
    assert sorted(rescued(two)) == [(path, "revert to v0.0") for path in ("data", "extra.bin", "model.bin")]
    assert b"unsaved" in (two.path / ".dvc/cache/files/md5").joinpath(*_place(two, b"unsaved")).read_bytes()


def _place(repo: ModelRepo, data: bytes) -> tuple[str, str]:
    import hashlib

    oid = hashlib.md5(data).hexdigest()
    return oid[:2], oid[2:]


def test_the_users_own_hook_runs(two: ModelRepo) -> None:
    two.cpv("uninstall")
    two.write(".git/hooks/post-checkout", "#!/bin/sh\necho $3 >../ran\n").chmod(0o755)
    two.cpv("install")
    revert(two, [MODEL], "v0.0")
    assert (two.path.parent / "ran").read_text() == "1\n"


def test_what_the_cache_lacks_is_fetched_first(two: ModelRepo) -> None:
    shutil.rmtree(two.path / ".dvc/cache")
    with nothing_changes(two.path, two.path.parent / "storage"):
        made = plan(two, [MODEL], "v0.0")
    assert [str(effect) for effect in made.effects if effect.tool == "s3"]
    made.run()
    assert two.tree() == first(two)


def test_data_that_cannot_be_had_changes_nothing(two: ModelRepo) -> None:
    shutil.rmtree(two.path / ".dvc/cache")
    lost = first(two)["model.bin"]
    (two.path.parent / "storage/files/md5" / lost[:2] / lost[2:]).unlink()
    assert "neither the cache nor the remote has model.bin of v0.0" in refused(two, BOTH, "v0.0")
    assert "neither the cache nor the remote has model.bin of v0.0" in refused(two, BOTH, "v0.0", force=True)


def test_the_effects_are_told_and_nothing_is_changed(two: ModelRepo) -> None:
    two.write("model.bin", b"unsaved")
    two.changes()
    with nothing_changes(two.path):
        made = plan(two, [MODEL], "v0.0")
    said = [str(effect) for effect in made.effects]
    commit = two.git("rev-parse", "v0.0^{}").out[:10]
    assert said == [
        "file: write data (2 B)",
        "dvc: keep the unsaved content of model.bin (dvc cpv rescue list)",
        f"file: write model.bin ({_size(two)})",
        "file: remove extra.bin (5 B)",
        "git: restore model.bin.dvc",
        f"git: checkout v0.0: HEAD is detached at {commit} "
        "(.gitignore, data.dvc, extra.bin.dvc, model.bin.dvc, train.py)",
    ]


def _size(repo: ModelRepo) -> str:
    from cpv_hooks.console.output import size_text
    from cpv_hooks.dvcformat.pointer import parse_pointers

    [pointer] = parse_pointers(repo.git("show", "v0.0:model.bin.dvc").out, "model.bin.dvc")
    return size_text(pointer.size or 0)


# What stands in the way


def test_other_changes_refuse_and_come_along_with_force(two: ModelRepo) -> None:
    two.write("README", "tracked in both\n")
    two.git("add", "README")
    assert "README: changes that are not committed; fix: git commit (or git stash) them first" in refused(
        two, [MODEL], "v0.0"
    )
    revert(two, [MODEL], "v0.0", force=True)
    assert two.changes() == ["A  README"]


def test_changes_that_git_would_overwrite_refuse_with_force_too(two: ModelRepo) -> None:
    two.write("train.py", "mine\n")
    for force in (False, True):
        assert "train.py: uncommitted changes would be lost" in refused(two, BOTH, "v0.0", force=force)
    two.git("checkout", "-q", "--", "train.py")
    two.git("checkout", "-q", "v0.0")
    two.write("train.py", "mine\n")
    assert "train.py: not tracked, and would be overwritten; fix: mv train.py" in refused(two, BOTH, "v1.0", force=True)


def test_a_pointer_that_the_user_edited_is_a_change_of_his(two: ModelRepo) -> None:
    two.write("model.bin.dvc", two.read("model.bin.dvc") + b"meta:\n  note: mine\n")
    assert "model.bin.dvc: uncommitted changes would be lost" in refused(two, [MODEL], "v0.0", force=True)


def test_names_that_are_no_version(two: ModelRepo) -> None:
    assert "no version is named" in refused(two, [MODEL], "")
    for name in ("v9.9", "main", "../v0.0", "-f", "v0.0^", "data-v0.0"):
        assert f"{name!r} is no model version" in refused(two, [MODEL], name)
    assert "'v9.9' is no data version" in refused(two, [DATA], "v9.9")


def test_a_head_that_moved_is_refused(two: ModelRepo) -> None:
    made = plan(two, [DATA], "data-v0.0")
    whole = plan(two, [MODEL], "v0.0")
    two.commit("other", "--allow-empty")
    for one in (made, whole):
        with pytest.raises(CPVError, match="HEAD has moved since this was planned"):
            one.run()


def test_a_checkout_that_fails_rolls_back(two: ModelRepo) -> None:
    two.write("model.bin", b"unsaved")
    two.changes()
    made = plan(two, [MODEL], "v0.0")
    two.write(".git/index.lock", "")
    before = two.tree()
    with pytest.raises(CPVError, match=r"index\.lock"):
        made.run()
    (two.path / ".git/index.lock").unlink()
    two.cpv("recover")
    assert two.tree() == before
    assert two.git("symbolic-ref", "HEAD").out == "refs/heads/main\n"
    assert two.changes() == [" M model.bin.dvc"]


# The data alone


def test_the_data_comes_back_alone(two: ModelRepo) -> None:
    model, head = two.read("model.bin"), two.head()
    two.write("model.bin", b"unsaved")
    revert(two, [DATA], "data-v0.0")
    assert two.tree("data") == {name[5:]: md5 for name, md5 in first(two).items() if name.startswith("data/")}
    assert two.read("model.bin") == b"unsaved" != model
    assert two.git("symbolic-ref", "HEAD").out == "refs/heads/main\n"
    assert two.head() == head
    assert two.changes() == ["M  data.dvc", " M model.bin.dvc"]
    assert rescued(two) == []
    two.commit("old data")
    assert two.tags()[:4] == ["data-v0.0", "data-v0.1", "data-v1.0", "data-v1.1"]


def test_unsaved_data_is_kept(two: ModelRepo) -> None:
    two.write("data/a", "unsaved")
    revert(two, [DATA], "data-v0.0")
    assert two.read("data/a") == b"1"
    assert rescued(two) == [("data", "revert to data-v0.0")]


def test_data_that_the_version_does_not_have_is_removed(two: ModelRepo) -> None:
    two.write(".cpv.toml", two.read(".cpv.toml").decode() + '[artifacts]\ndata = ["data", "more"]\n')
    two.write("more/x", "x")
    two.git("add", ".cpv.toml")
    plan_tag(project_of(two), [DATA]).run()
    assert (two.path / "more.dvc").exists()
    two.git("commit", "-qm", "settings")
    two.write("more/y", "unsaved")
    revert(two, [DATA], "data-v0.0")
    assert not (two.path / "more").exists()
    assert two.changes() == ["M  data.dvc", "D  more.dvc"]
    assert rescued(two) == [("more", "revert to data-v0.0")]
    revert(two, [DATA], "data-v1.1")
    assert two.changes() == []
    assert two.read("more/x") == b"x"


def test_a_data_pointer_that_the_user_edited_is_given_up_with_force_alone(two: ModelRepo) -> None:
    two.write("data.dvc", two.read("data.dvc") + b"meta:\n  note: mine\n")
    assert "data.dvc: uncommitted changes would be lost" in refused(two, [DATA], "data-v0.0")
    revert(two, [DATA], "data-v0.0", force=True)
    assert two.changes() == ["M  data.dvc"]


def test_data_that_shares_its_pointer_file_cannot_come_alone(two: ModelRepo) -> None:
    two.write(".cpv.toml", two.read(".cpv.toml").decode() + '[artifacts]\nmodel = ["model.bin"]\ndata = ["fitted"]\n')
    two.write("dvc.yaml", "stages:\n  fit:\n    cmd: echo x >fitted\n    outs: [fitted]\n")
    two.git("add", "-A")
    two.dvc("repro", "-q")
    plan_tag(project_of(two), [DATA]).run()
    assert "also has outputs that are not data, so it cannot be reverted alone" in refused(two, [DATA], two.tags()[3])


def test_the_effects_of_data_alone(two: ModelRepo) -> None:
    with nothing_changes(two.path):
        made = plan(two, [DATA], "data-v0.0")
    assert [str(effect) for effect in made.effects] == ["file: write data (2 B)", "git: stage data.dvc"]
    assert Path(two.path / "data/new").exists()
