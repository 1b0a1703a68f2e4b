"""The specification's §8, line by line: what each check finds, and the command that it names."""

from __future__ import annotations

import os
import shutil
import socket
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace

import pytest

from cpv_hooks.checks import checklist
from cpv_hooks.checks.checklist import FOR, SKIPPABLE, Name, require_checks, run_checks
from cpv_hooks.checks.subject import Subject
from cpv_hooks.console import check_result
from cpv_hooks.console.check_result import Check, ValidationError
from cpv_hooks.console.trace import listening
from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from support.engine import git_repo
from support.mounts import small_disk
from support.repos import ModelRepo, skeleton
from support.seaweed import Server

BOTH = (Line.MODEL, Line.DATA)
IDENTITY = "git config --global user.name YOU && git config --global user.email YOU@EXAMPLE.COM"
CLEAN = Check("git-clean", "ok", "no uncommitted changes")


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory, _session_environment: None) -> Path:
    """A repository with a model and data, at v0.0; made once and copied."""
    from support import repos

    folder = tmp_path_factory.mktemp("made")
    files = {"model.bin": "one", "data/a": "1", "train.py": "pass\n", "metrics.log": ""}
    base = skeleton(folder)
    model = repos.make(folder / "repo", base, remote="../../storage", install=False)
    for name, content in files.items():
        model.write(name, content)
    model.dvc("add", "-q", "model.bin", "data", "metrics.log")
    model.git("add", "-A")
    model.commit("start")
    model.git("tag", "-am", "x", "v0.0")
    return folder


@pytest.fixture
def model(_made: Path, tmp_path: Path) -> ModelRepo:
    shutil.copytree(_made / "repo", tmp_path / "repo", symlinks=True)
    (tmp_path / "storage").mkdir()
    return ModelRepo(tmp_path / "repo")


def subject(model: ModelRepo, *lines: Line, **rest: object) -> Subject:
    return Subject(Project.find_all(git_repo(model))[0], lines or (Line.MODEL,), **rest)  # type: ignore[arg-type]


def look(model: ModelRepo, name: Name, *lines: Line, **rest: object) -> Check:
    (found,) = run_checks(subject(model, *lines, **rest), [name], seconds=5)
    return found


@pytest.mark.specification("8", "**8 Checklist**", "`validate`")
def test_a_sound_repository_has_every_line_in_its_order(model: ModelRepo) -> None:
    checks = run_checks(subject(model, *BOTH), checklist.ALL)
    assert [check.name for check in checks] == list(checklist.ALL)
    assert {check.result for check in checks} == {"ok"}
    reasons = {check.name: check.reason for check in checks}
    storage = model.path.parent / "storage"
    free = reasons.pop("disk-space")
    assert free.endswith(f" free on {model.path}/.dvc/cache (cache, work tree, remote, personal folder)")
    assert reasons == {
        "git-state": "nothing is under way",
        "git-clean": "no uncommitted changes",
        "required-files": "metrics.log, model.bin there; data there",
        "tag": "the next: v0.1, data-v0.0",
        "dvc-remote": f"storage is {storage}",
        "network": "the DVC remote needs no host; the Git host needs no host",
        "s3": f"storage ({storage}) answers",
    }


@pytest.mark.specification("5.5", "validation before operations", "`validate`", "`ValidationError`")
def test_the_specification_is_covered() -> None:
    assert set(checklist.ALL) == {name for names in FOR.values() for name in names}
    assert set(FOR["model upload"]) == set(checklist.ALL)
    assert not SKIPPABLE & {"git-state", "tag", "dvc-remote", "s3", "required-files"}


# git-state: never passed over


def test_git_state_in_the_middle_of_a_merge(model: ModelRepo) -> None:
    model.git("switch", "-qc", "side")
    model.write("train.py", "side\n")
    model.commit("side", "-a")
    model.git("switch", "-q", "main")
    model.write("train.py", "main\n")
    model.commit("main", "-a")
    model.git("merge", "side", status=1)
    fix = "finish it (git merge --continue) or git merge --abort"
    assert look(model, "git-state") == Check("git-state", "fail", "a merge is under way", fix)


def test_git_state_with_conflicts_of_a_stash(model: ModelRepo) -> None:
    model.write("train.py", "mine\n")
    model.git("stash")
    model.write("train.py", "theirs\n")
    model.commit("theirs", "-a")
    model.git("stash", "pop", status=1)
    what = "conflicts are not settled yet in train.py"
    assert look(model, "git-state") == Check("git-state", "fail", what, "edit, then git add, each of them")


def test_git_state_without_a_commit(model: ModelRepo) -> None:
    model.git("switch", "-q", "--orphan", "new")
    model.git("checkout", "-q", "main", "--", ".")
    what = "there is no commit yet"
    assert look(model, "git-state") == Check("git-state", "fail", what, "git add -A && git commit -m Start")


def test_git_state_of_somebody_unknown(model: ModelRepo) -> None:
    model.git("config", "user.useConfigOnly", "true")
    model.git("config", "--global", "--unset", "user.email")
    assert look(model, "git-state") == Check("git-state", "fail", "Git does not know who you are", IDENTITY)


# git-clean


@pytest.mark.specification("8.2", "Git repository clean (`git-state`, `git-clean`)")
@pytest.mark.parametrize("staged", [False, True])
def test_git_clean_names_what_has_changed(model: ModelRepo, staged: bool) -> None:
    model.write("train.py", "other\n")
    if staged:
        model.git("add", "train.py")
    what = "train.py has uncommitted changes"
    assert look(model, "git-clean") == Check("git-clean", "fail", what, "git commit train.py, or git stash")


def test_git_clean_names_three_files_and_counts_the_others(model: ModelRepo) -> None:
    names = [f"{letter} b.py" for letter in "abcde"]
    for name in names:
        model.write(name, "")
        model.git("add", name)
    what = "a b.py, b b.py, c b.py and 2 more have uncommitted changes"
    assert look(model, "git-clean") == Check("git-clean", "fail", what, "git commit -a, or git stash")
    model.git("reset", "-q", names[0], names[1])
    assert look(model, "git-clean").fix == "git commit 'c b.py' 'd b.py' 'e b.py', or git stash"


def test_git_clean_leaves_out_what_the_operation_is_about_and_what_git_does_not_track(model: ModelRepo) -> None:
    model.write("notes.txt", "untracked")
    assert look(model, "git-clean") == CLEAN
    model.write("model.bin", "two")
    model.dvc("add", "-q", "model.bin")
    model.write(".gitignore", model.read(".gitignore").decode() + "/x\n")
    assert model.changes() == [" M .gitignore", " M model.bin.dvc", "?? notes.txt"]
    assert look(model, "git-clean") == CLEAN
    warned = look(model, "git-clean", Line.DATA)
    assert warned == Check(
        "git-clean",
        "warn",
        "model.bin.dvc changed too, and this operation leaves that uncommitted",
        "dvc cpv checkpoint create takes both",
    )
    assert look(model, "git-clean", *BOTH) == CLEAN


def test_git_clean_takes_an_artifact_that_was_removed_for_what_its_name_says(model: ModelRepo) -> None:
    (model.path / "data.dvc").unlink()
    assert look(model, "git-clean", Line.DATA) == CLEAN
    assert look(model, "git-clean", Line.MODEL).result == "warn"


def test_git_clean_where_head_is_detached(model: ModelRepo) -> None:
    model.git("checkout", "-q", "v0.0")
    assert look(model, "git-clean") == CLEAN
    what = "HEAD is detached, so the new commit would be on no branch"
    expected = Check("git-clean", "fail", what, "git switch -c BRANCH")
    assert look(model, "git-clean", commits=True) == look(model, "git-clean", source=model.path) == expected


# required-files


def test_required_files_of_a_source(model: ModelRepo) -> None:
    path = model.path / "new.bin"

    def found() -> Check:
        return look(model, "required-files", source=path)

    def failure(why: str, fix: str) -> Check:
        return Check("required-files", "fail", f"{path}: {why}", fix)

    assert found() == failure("no such file or folder", "name an existing path")
    path.symlink_to("gone")
    assert found() == failure("a link to nothing", "name a file or a folder")
    path.unlink()
    os.mkfifo(path)
    assert found() == failure("neither a file nor a folder", "name a file or a folder")
    path.unlink()
    path.mkdir()
    assert found() == failure("no file in this folder", "name a folder with files")
    (path / "below").mkdir()
    (path / "below/a").touch()
    assert found() == Check("required-files", "ok", f"{path} is there")


def test_required_files_that_nobody_may_read(model: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    path = model.write("new.bin", "x")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the tests run as root, who may
    assert look(model, "required-files", source=path) == Check(
        "required-files", "fail", f"{path}: no permission to read", f"chmod u+r {path}"
    )


@pytest.mark.specification("8.6", "required files exist (`required-files`)")
def test_required_files_of_the_line(model: ModelRepo) -> None:
    shutil.rmtree(model.path / "data")
    assert look(model, "required-files").result == "ok"
    what = "not in the work tree: data"
    assert look(model, "required-files", Line.DATA) == Check("required-files", "fail", what, "dvc cpv sync")
    (model.path / "data.dvc").unlink()
    assert look(model, "required-files", Line.DATA) == Check(
        "required-files", "fail", "there is no data yet (data)", "put it there: data"
    )
    model.write(".cpv.toml", "[artifacts]\ndata = []\n")
    assert look(model, "required-files", Line.DATA) == Check(
        "required-files",
        "fail",
        "there is no data yet (no path of kind data in .cpv.toml)",
        "name one under [artifacts] data in .cpv.toml",
    )


def test_required_files_with_a_pointer_that_cannot_be_read(model: ModelRepo) -> None:
    model.write("model.bin.dvc", "outs: 3\n")
    found = look(model, "required-files")
    assert found == Check("required-files", "fail", "model.bin.dvc: not a DVC pointer", "git checkout -- model.bin.dvc")


# tag

REFUSED = [
    ("", "'' is not a version of this repository (vMAJOR.MINOR)"),
    ("x", "'x' is not a version of this repository (vMAJOR.MINOR)"),
    ("v1", "'v1' is not a version of this repository (vMAJOR.MINOR)"),
    ("v1.0.0", "'v1.0.0' is not a version of this repository (vMAJOR.MINOR)"),
    ("v01.0", "'v01.0' is not a version of this repository (vMAJOR.MINOR)"),
    ("v1.0\n", "'v1.0\\n' is not a version of this repository (vMAJOR.MINOR)"),
    ("--help", "'--help' is not a version of this repository (vMAJOR.MINOR)"),
    ("../v1.0", "'../v1.0' is not a version of this repository (vMAJOR.MINOR)"),
    ("v1.0;rm", "'v1.0;rm' is not a version of this repository (vMAJOR.MINOR)"),
    ("v0.0", "the tag v0.0 exists already"),
    ("data-v1.0", "data-v1.0 numbers data, not models"),
]


@pytest.mark.specification("8.7", "tag format valid and unique (`tag`)")
@pytest.mark.parametrize(("version", "reason"), REFUSED)
def test_tag_that_is_refused(model: ModelRepo, version: str, reason: str) -> None:
    fix = "name another version (v0.1), or none for the next one"
    assert look(model, "tag", version=version) == Check("tag", "fail", reason, fix)


def test_tag_that_is_free(model: ModelRepo) -> None:
    assert look(model, "tag", *BOTH, version="1.0") == Check("tag", "ok", "free: v1.0, data-v1.0")
    model.git("tag", "v2.0")
    what = "v1.0 is not higher than v2.0"
    assert look(model, "tag", version="v1.0").reason == what
    model.git("tag", "data-v3.0/x")
    assert look(model, "tag", *BOTH, version="3.0").reason == "the tag data-v3.0 exists already"


# disk-space


@pytest.mark.specification("8.4", "sufficient disk space (`disk-space`)")
def test_disk_space_counts_what_lands_on_each_disk(model: ModelRepo) -> None:
    place = model.path.parent / "disk"
    with small_disk(place, "3m"):
        plain = look(model, "disk-space", destination=place / "new/folder", bytes_needed=1 << 20)
        assert plain.result == "ok"
        full = look(model, "disk-space", destination=place / "new/folder", bytes_needed=5 << 20)
        model.write(".dvc/config.local", f"[cache]\n    dir = {place}/cache\n")
        both = look(model, "disk-space", destination=place / "new", bytes_needed=3 << 19)
    where = f"{place} (destination)"
    assert full == Check("disk-space", "fail", f"3.1 MB free on {where}, 6.3 MB needed", "free some space there")
    where = f"{place} (cache, destination)"
    assert both == Check("disk-space", "warn", f"3.1 MB free on {where}, up to 4.2 MB needed", "free some space there")


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_disk_space_counts_a_remote_that_is_a_folder(model: ModelRepo, scheme: str) -> None:
    place = model.path.parent / "disk"
    with small_disk(place, "3m"):
        found = look(remote(model, f"{scheme}{place}/remote"), "disk-space", bytes_needed=5 << 20)
    assert found.reason == f"3.1 MB free on {place} (remote), 6.3 MB needed"


def test_disk_space_measures_the_source(model: ModelRepo) -> None:
    source = model.path.parent / "source"
    (source / "below").mkdir(parents=True)
    (source / "a").write_bytes(bytes(10))
    (source / "below/b").write_bytes(bytes(5))
    assert subject(model, source=source).bytes_written() == 15
    assert subject(model, source=source / "a").bytes_written() == 10
    assert subject(model).bytes_written() == 0
    assert subject(model, source=source, bytes_needed=3).bytes_written() == 3


def test_disk_space_that_may_not_be_written(model: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the tests run as root, who may
    cache = model.path / ".dvc/cache"
    expected = Check("disk-space", "fail", "cache: no permission to write", f"chmod u+wx {cache}")
    assert look(model, "disk-space") == expected


# dvc-remote, network, s3


def remote(model: ModelRepo, url: str, *settings: str) -> ModelRepo:
    lines = "".join(f"    {line}\n" for line in (f"url = {url}", *settings))
    model.write(".dvc/config", f"[core]\n    remote = storage\n['remote \"storage\"']\n{lines}")
    return model


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.specification("8.3", "DVC remote configured (`dvc-remote`)")
def test_no_remote(model: ModelRepo) -> None:
    model.write(".dvc/config", "")
    found = {check.name: check for check in run_checks(subject(model), ["dvc-remote", "network", "s3"])}
    what = f"{model.path}: no DVC remote is configured"
    assert found == {"dvc-remote": Check("dvc-remote", "fail", what, "dvc remote add -d storage URL")}


def test_dvc_remote_that_names_no_bucket(model: ModelRepo) -> None:
    found = look(remote(model, "s3:///prefix"), "dvc-remote")
    assert found.reason == "remote storage: s3:///prefix names no bucket"
    assert found.fix == "dvc remote modify storage url s3://BUCKET/PATH"


@pytest.mark.specification("8.5", "network connectivity (`network`)")
def test_network_where_nobody_listens(model: ModelRepo) -> None:
    port = closed_port()
    remote(model, "s3://bucket/x", f"endpointurl = http://localhost:{port}", "region = us-east-1")
    what = f"the DVC remote (localhost:{port}): connection refused"
    assert look(model, "network") == Check("network", "fail", what, "check the network")


def test_network_of_a_name_that_nobody_knows(model: ModelRepo) -> None:
    remote(model, "https://no-such-host.invalid/data")
    what = "the DVC remote (no-such-host.invalid:443): no host of that name is known"
    assert look(model, "network") == Check("network", "fail", what, "check the network, and the name")


def test_network_of_the_git_host_is_not_needed_yet(model: ModelRepo) -> None:
    port = closed_port()
    model.git("remote", "add", "origin", f"ssh://git@127.0.0.1:{port}/AI-vision/resnet.git")
    what = f"the Git host (127.0.0.1:{port}): connection refused"
    assert look(model, "network") == Check("network", "warn", what, "check the network")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        model.git("remote", "set-url", "origin", f"http://127.0.0.1:{port}/x.git")
        what = f"the DVC remote needs no host; the Git host (127.0.0.1:{port}) takes connections"
        assert look(model, "network") == Check("network", "ok", what)


def test_s3_that_says_nothing_is_given_up_beside_the_others(model: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    # All are asked; those of the network have their time; then that of the others is over.
    moments = chain(repeat(0, 1 + len(list(checklist._away("network", subject(model))))), repeat(60))
    monkeypatch.setattr(check_result, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    with socket.create_server(("127.0.0.1", 0)) as server:
        keys = ("access_key_id = a", "secret_access_key = b", "region = us-east-1")
        remote(model, "s3://bucket/x", f"endpointurl = http://localhost:{server.getsockname()[1]}", *keys)
        found = run_checks(subject(model), ["network", "s3"], seconds=60)
    assert [check.result for check in found] == ["ok", "fail"]
    what = "storage (s3://bucket/x) has not answered in 60 s"
    assert found[1] == Check("s3", "fail", what, "check the network")


@pytest.mark.specification("8.1", "S3 bucket accessible (`s3`)")
def test_s3_bucket_that_is_there_and_one_that_is_not(model: ModelRepo, s3_server: Server) -> None:
    keys = (
        f"endpointurl = {s3_server.endpoint_url}",
        f"access_key_id = {s3_server.access_key}",
        f"secret_access_key = {s3_server.secret_key}",
        "region = us-east-1",
    )
    bucket = s3_server.make_bucket()
    remote(model, f"s3://{bucket}/x", *keys)
    assert look(model, "s3") == Check("s3", "ok", f"storage (s3://{bucket}/x) answers")
    found = look(remote(model, "s3://no-such-bucket/x", *keys), "s3")
    assert found.reason == "s3://no-such-bucket/x: there is no bucket 'no-such-bucket'"
    assert s3_server.secret_key not in str(found)


# Operations


def test_demand_names_the_first_failure_and_counts_the_others(model: ModelRepo) -> None:
    model.write("train.py", "other\n")
    model.write(".dvc/config", "")
    with pytest.raises(ValidationError) as caught:
        require_checks("model tag", subject(model, version="v0.0"))
    error = caught.value
    assert str(error) == (
        "git-clean: .dvc/config, train.py have uncommitted changes (tag, dvc-remote would fail too); "
        "fix: git commit .dvc/config train.py, or git stash"
    )
    assert isinstance(error, CPVError)
    assert [check.name for check in error.checks if check.result == "fail"] == ["git-clean", "tag", "dvc-remote"]


def test_force_passes_over_what_is_safe_and_no_invariant(model: ModelRepo, capsys: pytest.CaptureFixture[str]) -> None:
    model.write("train.py", "other\n")
    checks = require_checks("model tag", subject(model), force=True)
    assert [check.name for check in checks if check.result == "fail"] == ["git-clean"]
    assert capsys.readouterr().err == (
        "cpv: warning: overridden by force: git-clean: train.py has uncommitted changes; fix: git commit "
        "train.py, or git stash\n"
    )
    with pytest.raises(ValidationError, match=r"^tag: the tag v0\.0 exists already; fix: name another version"):
        require_checks("model tag", subject(model, version="v0.0"), force=True)


def test_what_only_warns_is_told_and_an_unreachable_git_host_is_not(
    model: ModelRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    model.write("model.bin", "two")
    model.dvc("add", "-q", "model.bin")
    model.git("remote", "add", "origin", f"http://127.0.0.1:{closed_port()}/x.git")
    with listening(lambda level, text: heard.append(text)):
        heard: list[str] = []
        require_checks("data tag", subject(model, Line.DATA))
    assert capsys.readouterr().err == (
        "cpv: warning: git-clean: model.bin.dvc changed too, and this operation leaves that uncommitted; fix: "
        "dvc cpv checkpoint create takes both\n"
    )
    require_checks("data revert", subject(model, Line.DATA))
    assert capsys.readouterr().err == ""
    assert any(text.startswith("warn network: the Git host (127.0.0.1:") for text in heard)
    assert "ok git-state: nothing is under way" in heard


def test_without_a_project_the_source_and_the_disks_are_looked_at(tmp_path: Path) -> None:
    nowhere = Subject(None, source=tmp_path / "gone", destination=tmp_path)
    assert [(check.name, check.result) for check in run_checks(nowhere, checklist.ALL)] == [
        ("required-files", "fail"),
        ("disk-space", "ok"),
    ]
