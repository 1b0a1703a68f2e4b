"""`plan_upload`: a file or a folder becomes a version, with its data on the remote first, or nothing happens at all."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRepo

from cpv_hooks.console.plan import Plan
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.operations.make.upload import plan_upload
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import tag_refs
from cpv_hooks.worktree.known_files import BeingWritten
from cpv_hooks.worktree.rescue_list import rescues
from support.repos import SETTINGS, ModelRepo, object_names
from support.seaweed import Server
from support.shell import Shell
from support.unchanged import bucket, nothing_changes

MODEL, DATA = Line.MODEL, Line.DATA


def project_of(repo: Shell) -> Project:
    return Project.find_all(Repo.discover(repo.path))[0]


def upload(repo: ModelRepo, source: str | Path, line: Line = MODEL, **options: Any) -> str:
    return plan(repo, source, line, **options).run()


def plan(repo: ModelRepo, source: str | Path, line: Line = MODEL, **options: Any) -> Plan[str]:
    return plan_upload(project_of(repo), line, repo.path / source, **options)


def stored(repo: ModelRepo) -> set[str]:
    return object_names(repo.path.parent / "storage/files/md5")


def is_clean(repo: ModelRepo) -> bool:
    return not repo.changes() and not (repo.path / ".git/cpv/journal").exists()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "out/epoch-3.pt"
    path.parent.mkdir()
    path.write_bytes(b"third" * 1000)
    return path


# What it does


def test_a_file_becomes_the_next_version_of_the_model(versions: ModelRepo, checkpoint: Path) -> None:
    assert upload(versions, checkpoint, message="Epoch 3", metrics={"loss": 0.25, "epoch": 3}) == "v0.1"
    assert versions.read("model.bin") == checkpoint.read_bytes()
    assert versions.git("log", "-1", "--format=%B").out.strip() == "Model v0.1: Epoch 3"
    assert versions.git("show", "--format=", "--name-only", "HEAD").lines == ["metrics.log.dvc", "model.bin.dvc"]
    assert versions.read("metrics.log").decode().splitlines() == ['{"loss": 0.5}', '{"loss": 0.25, "epoch": 3}']
    tag = tag_refs.read_tags(Repo.discover(versions.path), name="v0.1")[0]
    assert tag.info.subject == "Epoch 3"
    assert tag.info.metrics == {"loss": 0.25, "epoch": 3}
    assert not tag.info.automatic
    assert {versions.md5("model.bin"), versions.md5("metrics.log")} <= stored(versions)
    assert is_clean(versions)
    assert list(rescues(Repo.discover(versions.path))) == []


def test_the_users_copy_is_no_link_to_the_artifact(versions: ModelRepo, checkpoint: Path) -> None:
    upload(versions, checkpoint)
    with checkpoint.open("r+b") as stream:
        stream.write(b"later")
    assert versions.read("model.bin").startswith(b"third")
    assert checkpoint.stat().st_nlink == 1


def test_a_folder_becomes_the_next_version_of_the_data(versions: ModelRepo, tmp_path: Path) -> None:
    folder = Shell(tmp_path / "corpus")
    folder.write("a", "1")
    folder.write("sub/c", "three")
    assert upload(versions, folder.path, DATA) == "data-v0.1"
    assert versions.tree("data").keys() == {"a", "sub/c"}
    assert versions.git("log", "-1", "--format=%s").out.strip() == "Data data-v0.1: upload data"
    assert versions.tags() == ["data-v0.0", "data-v0.1", "v0.0"]
    assert is_clean(versions)
    versions.dvc("status", "-q")


def test_the_artifact_itself_is_uploaded_as_it_stands(versions: ModelRepo) -> None:
    versions.write("model.bin", b"trained")
    versions.write("metrics.log", '{"loss": 0.5}\n{"loss": 0.1}\n')
    assert upload(versions, "model.bin") == "v0.1"
    assert versions.git("show", "--format=", "--name-only", "HEAD").lines == ["metrics.log.dvc", "model.bin.dvc"]
    assert versions.read("model.bin") == b"trained"
    assert is_clean(versions)


def test_what_the_user_has_staged_and_changed_stays_so(versions: ModelRepo, checkpoint: Path) -> None:
    versions.write("staged.py", "1")
    versions.git("add", "staged.py")
    versions.write("data/a", "changed")
    upload(versions, checkpoint)
    assert versions.git("show", "--format=", "--name-only", "HEAD").lines == ["model.bin.dvc"]
    assert versions.changes() == [" M data.dvc", "A  staged.py"]


def test_content_that_no_commit_has_goes_on_the_rescue_list(versions: ModelRepo, checkpoint: Path) -> None:
    versions.write("model.bin", b"unsaved")
    upload(versions, checkpoint)
    [rescue] = rescues(Repo.discover(versions.path))
    assert (rescue.path, rescue.size, rescue.why) == ("model.bin", 7, "model upload")
    assert is_clean(versions)


def test_the_content_of_head_makes_no_commit(versions: ModelRepo, tmp_path: Path) -> None:
    head = versions.head()
    same = tmp_path / "same.bin"
    same.write_bytes(versions.read("model.bin"))
    assert upload(versions, same) == "v0.0"
    versions.write("train.py", "")
    versions.git("add", "train.py")
    later = versions.commit("code")
    assert later != head
    assert upload(versions, same, message="As it was") == "v0.1"
    assert versions.head() == later
    assert versions.git("rev-parse", "v0.1^{}").out.strip() == later
    assert upload(versions, same, version="v2.0") == "v2.0"
    assert upload(versions, same, version="2.0") == "v2.0"


def test_unsaved_content_gives_way_to_that_of_head(versions: ModelRepo, tmp_path: Path) -> None:
    same = tmp_path / "same.bin"
    same.write_bytes(versions.read("model.bin"))
    versions.write("model.bin", b"unsaved")
    assert versions.changes() == [" M model.bin.dvc"]
    assert upload(versions, same) == "v0.0"
    assert versions.read("model.bin") == same.read_bytes()
    assert is_clean(versions)
    assert [rescue.size for rescue in rescues(Repo.discover(versions.path))] == [7]


def test_a_new_artifact_is_hidden_from_git(make_repo: MakeRepo, checkpoint: Path) -> None:
    repo = make_repo()
    repo.write(".gitignore", "*.log\n# mine\n")
    repo.git("add", "-A")
    repo.commit("ignore")
    repo.write(".gitignore", "*.log\n# mine\n# later\n")
    assert upload(repo, checkpoint) == "v0.0"
    assert repo.git("show", "--format=", "--name-only", "HEAD").lines == [".gitignore", "model.bin.dvc"]
    assert repo.git("show", "HEAD:.gitignore").lines == ["*.log", "# mine", "/model.bin"]
    assert repo.read(".gitignore").decode().splitlines() == ["*.log", "# mine", "# later", "/model.bin"]
    assert repo.changes() == [" M .gitignore"]


def test_it_uploads_though_the_policy_is_never(make_repo: MakeRepo, checkpoint: Path) -> None:
    repo = make_repo(settings=SETTINGS + '[push]\nwhen = "never"\n')
    upload(repo, checkpoint)
    assert repo.md5("model.bin") in stored(repo)


def test_on_a_detached_head_the_tag_keeps_the_commit(versions: ModelRepo, checkpoint: Path) -> None:
    versions.git("checkout", "-q", "--detach")
    before = versions.read("model.bin")
    assert upload(versions, checkpoint) == "v0.1"
    assert versions.git("rev-parse", "HEAD", "v0.1^{}").lines[0] == versions.git("rev-parse", "v0.1^{}").out.strip()
    versions.git("checkout", "-q", "main")
    assert versions.read("model.bin") == before


def test_the_versions_of_a_semver_repository(make_repo: MakeRepo, checkpoint: Path) -> None:
    repo = make_repo(settings=SETTINGS + '[tags]\nscheme = "semver"\n')
    assert upload(repo, checkpoint) == "v0.1.0"


# The user's own hooks


def hook(repo: ModelRepo, name: str, body: str) -> None:
    """A hook that was there before CPV came, so that CPV's shim chains it."""
    repo.cpv("uninstall")
    repo.write(f".git/hooks/{name}", f"#!/bin/sh\n{body}\n").chmod(0o755)
    repo.cpv("install")


def test_the_users_hooks_run_and_cpvs_do_not(versions: ModelRepo, checkpoint: Path) -> None:
    hook(versions, "commit-msg", 'echo "Reviewed-by: hook" >>"$1"')
    assert upload(versions, checkpoint) == "v0.1"
    assert "Reviewed-by: hook" in versions.git("log", "-1", "--format=%B").out
    assert versions.tags() == ["data-v0.0", "v0.0", "v0.1"]


def test_a_pre_commit_framework_runs_its_other_hooks(versions: ModelRepo, checkpoint: Path) -> None:
    versions.write(
        ".pre-commit-config.yaml",
        "repos:\n- repo: local\n  hooks:\n  - {id: mine, name: mine, language: system, always_run: true,"
        " entry: sh -c 'touch ran; cpv-hook pre-commit', pass_filenames: false}\n",
    )
    versions.cpv("uninstall")
    versions.run("pre-commit", "install")
    versions.git("add", ".pre-commit-config.yaml")
    versions.git("commit", "-qm", "hooks", "--no-verify")
    assert upload(versions, checkpoint) == "v0.1"
    assert (versions.path / "ran").exists()
    assert versions.changes() == ["?? ran"]


def test_a_hook_that_refuses_rolls_everything_back(versions: ModelRepo, checkpoint: Path) -> None:
    hook(versions, "commit-msg", "grep -q ticket $1 || { echo 'no ticket in the message' >&2; exit 1; }")
    versions.write("model.bin", b"unsaved")
    before, tree, logs = versions.head(), versions.tree(), versions.git("reflog").out
    with pytest.raises(CPVError) as caught:
        upload(versions, checkpoint, metrics={"loss": 1})
    assert caught.value.what == (
        "git commit failed: no ticket in the message "
        "(rolled back: commit, pointers, place metrics.log, place model.bin)"
    )
    assert (versions.head(), versions.tree(), versions.git("reflog").out) == (before, tree, logs)
    assert versions.tags() == ["data-v0.0", "v0.0"]
    assert versions.changes() == [" M model.bin.dvc"]
    assert not (versions.path / ".git/cpv/journal").exists()
    versions.git("fsck", "--full", "--strict")
    versions.commit("with a ticket", "-a")
    assert versions.tags()[-1] == "v0.1"


def test_a_hook_that_changes_a_pointer_is_refused(versions: ModelRepo, checkpoint: Path) -> None:
    hook(versions, "pre-commit", "echo '# mine' >>model.bin.dvc; git add model.bin.dvc")
    before = versions.head()
    with pytest.raises(CPVError, match=r"model.bin.dvc: a hook of yours changed what was to be committed"):
        upload(versions, checkpoint)
    assert versions.head() == before
    assert versions.tags() == ["data-v0.0", "v0.0"]


def test_what_a_hook_adds_is_committed_and_not_left_dirty(versions: ModelRepo, checkpoint: Path) -> None:
    hook(versions, "pre-commit", "echo done >stamp; git add stamp")
    upload(versions, checkpoint)
    assert versions.git("show", "--format=", "--name-only", "HEAD").lines == ["model.bin.dvc", "stamp"]
    assert is_clean(versions)


# What fails


def test_a_remote_that_fails_leaves_everything_as_it_was(versions: ModelRepo, checkpoint: Path) -> None:
    versions.path.parent.joinpath("storage").rename(versions.path.parent / "away")
    versions.path.parent.joinpath("storage").write_text("in the way")
    before, refs = versions.tree(), versions.git("for-each-ref").out
    with pytest.raises(CPVError, match="there is a file where a folder should be"):
        upload(versions, checkpoint)
    assert (versions.tree(), versions.git("for-each-ref").out) == (before, refs)
    assert is_clean(versions)


def test_data_of_another_artifact_that_nobody_has_is_named(versions: ModelRepo, checkpoint: Path) -> None:
    oid = versions.md5("data/a")
    for store in (versions.path / ".dvc/cache", versions.path.parent / "storage"):
        path = store / "files/md5" / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.unlink()
    (versions.path / ".git/cpv/queue.db").unlink()
    with nothing_changes(versions.path), pytest.raises(CPVError, match="neither the cache nor the remote has data/a"):
        upload(versions, checkpoint)


def test_head_that_moved_since_the_plan_is_refused(versions: ModelRepo, checkpoint: Path) -> None:
    made = plan(versions, checkpoint)
    versions.commit("other", "--allow-empty")
    with pytest.raises(CPVError, match="HEAD has moved since this was planned; fix: repeat the command"):
        made.run()


def test_a_source_that_changed_since_the_plan_is_refused(versions: ModelRepo, checkpoint: Path) -> None:
    made = plan(versions, checkpoint)
    checkpoint.write_bytes(b"fourth")
    with nothing_changes(versions.path / "model.bin", versions.path / ".git/refs"), pytest.raises(BeingWritten):
        made.run()


def test_a_version_that_somebody_took_meanwhile_rolls_back(versions: ModelRepo, checkpoint: Path) -> None:
    made = plan(versions, checkpoint)
    versions.git("tag", "v0.1")
    tree, head = versions.tree(), versions.head()
    with pytest.raises(CPVError, match=r"rolled back: tag, commit, pointers, place model\.bin"):
        made.run()
    assert (versions.tree(), versions.head()) == (tree, head)
    assert is_clean(versions)


# Dry run


def test_the_effects_are_those_of_the_run(versions: ModelRepo, tmp_path: Path) -> None:
    folder = Shell(tmp_path / "corpus")
    folder.write("a", "1")
    folder.write("new", "content")
    with nothing_changes(versions.path, tmp_path / "storage"):
        made = plan(versions, folder.path, DATA, message="More")
    before, refs = stored(versions), set(versions.git("for-each-ref", "--format=%(refname)").lines)
    assert made.run() == made.expected == "data-v0.1"
    said = [str(effect) for effect in made.effects]
    puts = {line.split(" ")[2] for line in said if line.startswith("s3: put ")}
    assert {"".join(Path(put).parts[-2:]) for put in puts} == stored(versions) - before
    assert len(puts) == 2
    created = {line.split(" ")[2] for line in said if line.startswith("git: create ")}
    assert created == set(versions.git("for-each-ref", "--format=%(refname)").lines) - refs
    assert [line for line in said if not line.startswith("s3")] == [
        f"file: copy {folder.path} to {versions.path / 'data'} (8 B)",
        "dvc: cache the content of data (2 objects)",
        "dvc: write data.dvc",
        'git: commit data.dvc: "Data data-v0.1: More"',
        "git: create refs/tags/data-v0.1",
    ]


@pytest.mark.parametrize("versioned", [False, True])
def test_the_effects_on_s3_are_those_of_the_run(
    make_repo: MakeRepo, s3_server: Server, checkpoint: Path, versioned: bool
) -> None:
    name = f"upload-{'versioned' if versioned else 'plain'}"
    s3_server.client().create_bucket(Bucket=name)
    repo = make_repo(remote=f"s3://{name}/team/model", server=s3_server)
    if versioned:
        s3_server.client().put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        repo.dvc("remote", "modify", "storage", "version_aware", "true")
        repo.commit("by version", "-a")
    before = bucket(s3_server, name)
    with nothing_changes(repo.path):
        made = plan(repo, checkpoint, metrics={"loss": 1})
    assert bucket(s3_server, name) == before
    assert made.run() == "v0.0"
    puts = {str(effect).split(" ")[2] for effect in made.effects if effect.tool == "s3"}
    assert puts == bucket(s3_server, name).keys() - before.keys()
    if versioned:
        assert puts == {f"s3://{name}/team/model/model.bin", f"s3://{name}/team/model/metrics.log"}
        assert "version_id" in repo.git("show", "HEAD:model.bin.dvc").out
    assert is_clean(repo)


# What cannot be uploaded


def refused(repo: ModelRepo, source: str | Path, line: Line = MODEL, **options: Any) -> str:
    with nothing_changes(repo.path), pytest.raises(CPVError) as caught:
        upload(repo, source, line, **options)
    return str(caught.value)


def test_sources_that_are_none(versions: ModelRepo, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(versions.path / "model.bin")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for name in ("pipe", "socket"):
            assert "not a regular file or a folder; fix: name a file or a folder" in refused(versions, tmp_path / name)
    assert f"a symbolic link; fix: name what it points to, {versions.path / 'model.bin'}" in refused(
        versions, tmp_path / "link"
    )
    for name in ("nowhere", "model.bin/below", "x" * 300, "a\0b"):
        assert "does not exist" in refused(versions, name) or "the name is too long" in refused(versions, name)


def test_sources_that_overlap_the_artifact(versions: ModelRepo) -> None:
    assert "data/sub: lies inside the artifact data" in refused(versions, "data/sub", DATA)
    assert "holds the artifact model.bin" in refused(versions, "")
    assert "is Git's or DVC's own" in refused(versions, ".git/refs")


def test_a_folder_for_a_file_and_a_file_for_a_folder(versions: ModelRepo, checkpoint: Path) -> None:
    assert "is a folder, and the artifact model.bin is a file" in refused(versions, checkpoint.parent)
    assert "is a file, and the artifact data is a folder" in refused(versions, checkpoint, DATA)


def test_an_artifact_of_the_other_line(versions: ModelRepo) -> None:
    assert "data: is data, not model; fix: dvc cpv data upload data" in refused(versions, "data")
    assert "model.bin: is model, not data; fix: dvc cpv model upload model.bin" in refused(versions, "model.bin", DATA)


def test_a_folder_with_a_link_in_it(versions: ModelRepo, tmp_path: Path) -> None:
    folder = Shell(tmp_path / "corpus")
    folder.write("a", "1")
    (folder.path / "link").symlink_to("a")
    assert f"{folder.path}/link: a symbolic link; fix: copy the folder with cp -rL" in refused(
        versions, folder.path, DATA
    )


def test_messages_and_versions_that_cannot_be(versions: ModelRepo, checkpoint: Path) -> None:
    assert "the message cannot be empty" in refused(versions, checkpoint, message=" ")
    assert "the message cannot hold a NUL character" in refused(versions, checkpoint, message="a\0b")
    assert "'x' is not a version of this repository" in refused(versions, checkpoint, version="x")
    assert "the tag v0.0 exists already" in refused(versions, checkpoint, version="v0.0")
    assert "data-v3.0 numbers data, not models" in refused(versions, checkpoint, version="data-v3.0")


def test_states_in_which_nothing_can_be_uploaded(
    versions: ModelRepo, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "")
    assert "Git does not know who commits; fix: git config --global user.email" in refused(versions, checkpoint)
    monkeypatch.delenv("GIT_COMMITTER_NAME")
    versions.write(".git/MERGE_HEAD", versions.head())
    assert "a merge is under way; fix: git merge --continue or --abort" in refused(versions, checkpoint)


def test_a_repository_without_a_remote(make_repo: MakeRepo, checkpoint: Path) -> None:
    repo = make_repo(remote=None)
    assert "no DVC remote is configured; fix: dvc remote add -d storage URL" in refused(repo, checkpoint)
    assert "there is no commit yet" in refused(no_commit(repo), checkpoint)


def no_commit(repo: ModelRepo) -> ModelRepo:
    repo.git("update-ref", "-d", "HEAD")
    return repo


# Metrics


@pytest.mark.parametrize(
    ("metrics", "problem"),
    [
        ({"": 1}, "'' is not the name of a metric (1 to 100 printable characters)"),
        ({"a\nb": 1}, "'a\\nb' is not the name of a metric"),
        ({"x" * 101: 1}, "is not the name of a metric"),
        ({"loss": float("nan")}, "metric loss: nan is not a finite number"),
        ({"loss": float("-inf")}, "metric loss: -inf is not a finite number"),
        ({"loss": 1 << 63}, "metric loss: the number is too large (64 bits)"),
        ({"loss": True}, "metric loss: bool is neither a number nor a text"),
        ({"loss": None}, "metric loss: NoneType is neither a number nor a text"),
        ({"loss": [1]}, "metric loss: list is neither a number nor a text"),
        ({"note": "x" * 201}, "metric note: the text is longer than 200 characters or not printable"),
        ({f"m{n}": n for n in range(51)}, "51 metrics are more than 50"),
    ],
)
def test_metrics_that_no_tag_can_carry(versions: ModelRepo, metrics: dict[str, Any], problem: str) -> None:
    with pytest.raises(CPVError) as caught:
        plan(versions, "model.bin", metrics=metrics)
    assert problem in str(caught.value)


def test_the_metrics_log_is_made_and_a_torn_line_is_ended(make_repo: MakeRepo, checkpoint: Path) -> None:
    repo = make_repo(install=False)
    upload(repo, checkpoint, metrics={"Verlust ä": 1.5})
    assert json.loads(repo.read("metrics.log")) == {"Verlust ä": 1.5}
    repo.write("metrics.log", "loss=1")
    upload(repo, checkpoint, metrics={"loss": 2})
    assert repo.read("metrics.log").decode() == 'loss=1\n{"loss": 2}\n'


def test_no_place_for_metrics(make_repo: MakeRepo, checkpoint: Path) -> None:
    repo = make_repo(settings=SETTINGS + '[artifacts]\nmodel = ["model.bin"]\n')
    assert 'no metrics artifact is configured; fix: metrics = ["metrics.log"]' in refused(
        repo, checkpoint, metrics={"loss": 1}
    )
