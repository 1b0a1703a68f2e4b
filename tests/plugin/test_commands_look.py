"""`dvc cpv tag`, `status` and `doctor` as a person types them."""

from __future__ import annotations

import json

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.transfer.objects.upload_queue import Queue
from support.repos import ModelRepo, object_names
from support.shell import BIN, Shell
from support.terminal import converse


@pytest.fixture
def model(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(files={"model.bin": "one", "data/a": "1"})


def test_tag_prints_the_names_and_sends_the_data(make_repo: MakeRepo) -> None:
    model = make_repo(install=False, files={"model.bin": "one", "data/a": "1"})
    assert model.cpv("tag").out == "v0.0\n"
    assert object_names(model.path.parent / "storage/files/md5") == model.objects()
    assert model.cpv("tag", "v1.0", "-m", "Release", "--both").out == "v1.0\ndata-v1.0\n"
    assert model.cpv("tag", "--data").out == "data-v1.1\n"
    assert model.git("tag", "-l", "--format=%(subject)", "v1.0").out == "Release\n"
    assert model.tags() == ["data-v1.0", "data-v1.1", "v0.0", "v1.0"]


def test_tag_refuses_in_one_line(model: ModelRepo) -> None:
    done = model.cpv("tag", "v1", status=1)
    assert done.out == ""
    assert done.err == "cpv: 'v1' is not a version of this repository (vMAJOR.MINOR); fix: git tag v0.1\n"
    done = model.cpv("tag", "--both", "--data", status=254)
    assert "not allowed with argument --both" in done.err
    assert model.tags() == ["data-v0.0", "v0.0"]


def test_tag_warns_of_what_it_does_not_hold(model: ModelRepo) -> None:
    model.write("model.bin", "unsaved")
    done = model.cpv("tag")
    assert done.out == "v0.1\n"
    assert done.err == "cpv: warning: model.bin: changes that are not committed are not in v0.1\n"


def test_tag_whose_data_cannot_be_sent_stays_and_is_queued(make_repo: MakeRepo) -> None:
    model = make_repo(install=False, files={"model.bin": "one"})
    (model.path.parent / "storage").write_text("a file stands here")
    done = model.cpv("tag")
    assert done.out == "v0.0\n"
    assert f"the data of {model.head()[:10]} is not uploaded: " in done.err
    assert [item.commit for item in Queue.of(Repo.discover(model.path)).pending()] == [model.head()]


def test_status_in_a_pipe(model: ModelRepo) -> None:
    model.write("data/b [bold]\x1b[31m", "2")
    model.write("model.bin", "longer")
    assert model.cpv("status").lines == [
        "data       data   2 B  changed  1 added, +1 B",
        "model.bin  model  6 B  changed  +3 B",
        "changed: changed since the last look; the next commit takes it",
        "last versions: model v0.0, data data-v0.0",
        f"remote: {model.path.parent}/storage (storage), uploads: commit",
        "queued: nothing",
    ]


def test_status_as_json(model: ModelRepo) -> None:
    found = json.loads(model.cpv("status", "--json").out)
    assert set(found) == {"artifacts", "tags", "queued", "remotes", "faults", "retired", "undelivered"}
    assert found["artifacts"][1] == {
        "path": "model.bin",
        "kind": "model",
        "state": "clean",
        "size": 3,
        "nfiles": None,
        "oid": model.md5("model.bin"),
        "committed_oid": model.md5("model.bin"),
        "change": None,
        "left_out": None,
    }
    assert found["tags"] == {"model": "v0.0", "data": "data-v0.0"}


def test_status_of_nothing(make_repo: MakeRepo) -> None:
    model = make_repo(remote=None)
    Queue.of(Repo.discover(model.path)).add(".", ["1" * 40], "commit")
    lines = model.cpv("status").lines
    assert lines[:3] == [
        "no artifacts yet",
        "last versions: model none, data none",
        "remote: none (dvc remote add -d storage URL), uploads: commit",
    ]
    assert lines[3].startswith("queued: 1111111111 (commit) since 2")


@pytest.mark.parametrize("command", ["status", "tag"])
def test_commands_outside_a_managed_repository(shell: Shell, command: str) -> None:
    assert shell.cpv(command, status=1).err == (
        f"cpv: {shell.path}: not inside a Git work tree; "
        "fix: cd to a repository (git clone or dvc cpv init makes one)\n"
    )
    shell.git("init", "-q")
    assert shell.cpv(command, status=1).err == (
        f"cpv: {shell.path}: CPV does not manage this repository (no .cpv.toml); fix: dvc cpv init\n"
    )


def test_doctor_exits_by_what_it_finds(model: ModelRepo) -> None:
    sound = model.cpv("doctor")
    assert "ok    settings: .cpv.toml is sound" in sound.lines
    model.git("config", "--unset", "push.followTags")
    warned = model.cpv("doctor")
    assert "warn  push.followTags: git push leaves tags behind; fix: git config push.followTags true" in warned.lines
    (model.path / ".git/hooks/pre-push").unlink()
    failed = json.loads(model.cpv("doctor", "--json", status=1).out)
    assert failed["ok"] is False
    assert {"name": "hook pre-push", "result": "fail", "reason": "missing", "fix": "dvc cpv install"} in failed[
        "checks"
    ]


@pytest.mark.parametrize("command", ["tag", "status", "doctor"])
def test_help_has_examples(shell: Shell, command: str) -> None:
    assert f"examples:\n  dvc cpv {command}" in shell.cpv(command, "--help").out


@pytest.mark.parametrize(
    ("command", "headings", "row"),
    [
        ("status", ["artifact", "kind", "size", "state", "what changed"], "model.bin"),
        ("doctor", ["check", "result", "reason", "fix"], "hook pre-push"),
    ],
)
def test_a_table_on_a_terminal(model: ModelRepo, command: str, headings: list[str], row: str) -> None:
    status, shown = converse([BIN / "dvc", "cpv", command], model.path, [])
    assert status == 0
    first = next(line for line in shown.splitlines() if headings[0] in line)
    assert all(heading in first for heading in headings)
    assert any(line.startswith(row) for line in shown.splitlines())
