"""`dvc cpv validate`: the whole checklist as a table, and an exit code."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.checks.checklist import ALL
from cpv_hooks.checks.validate import validate_all, validate_credentials
from cpv_hooks.console.check_result import Check
from support.repos import SETTINGS, ModelRepo
from support.shell import BIN, Shell
from support.terminal import converse

PERSONAL = ["settings", "aws", "git-host"]
NO_AWS = "AWS is not configured, so only each repository's own remote is used"


@pytest.fixture
def model(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(install=False, files={"model.bin": "one", "data/a": "1"})


def found(folder: Path, seconds: float = 20.0) -> dict[str, Check]:
    return {check.name: check for check in validate_all(folder, seconds=seconds)}


@pytest.mark.specification("4.17", "`cpv validate`", "`validate`")
def test_every_line_of_the_checklist_is_printed(model: ModelRepo) -> None:
    done = model.cpv("validate")
    lines = done.lines
    assert [line[6:].partition(":")[0] for line in lines] == [*ALL, *PERSONAL]
    assert "ok    git-clean: no uncommitted changes" in lines
    assert "ok    tag: the next: v0.0, data-v0.0" in lines
    assert f"ok    s3: storage ({model.path.parent}/storage) answers" in lines
    assert done.err == ""


def test_it_ends_with_1_where_a_line_fails(model: ModelRepo) -> None:
    model.write(".cpv.toml", SETTINGS + "[push]\n")
    done = model.cpv("validate", status=1)
    said = ".cpv.toml has uncommitted changes; fix: git commit .cpv.toml, or git stash"
    assert f"fail  git-clean: {said}" in done.lines
    read = json.loads(model.cpv("validate", "--json", "--repo-path", model.path, cwd="..", status=1).out)
    assert read["ok"] is False
    assert [check["name"] for check in read["checks"] if check["result"] == "fail"] == ["git-clean"]


def test_a_table_on_a_terminal(model: ModelRepo) -> None:
    status, shown = converse([BIN / "dvc", "cpv", "validate"], model.path, [])
    assert status == 0
    first, *rows = shown.splitlines()
    assert first.split() == ["check", "result", "reason", "fix"]
    assert [row.split()[0] for row in rows if row[0] not in " \x1b"] == [*ALL, *PERSONAL]


def test_a_folder_that_is_not_there(shell: Shell) -> None:
    done = shell.cpv("validate", "--repo-path", "gone", status=1)
    assert done.err == "cpv: gone: no such folder; fix: name the repository's folder\n"
    done = shell.cpv("validate", "--repo-path", "", status=1)
    assert done.err == "cpv: '': no such folder; fix: name the repository's folder\n"


def test_outside_of_a_repository_the_personal_settings_are_looked_at(tmp_path: Path) -> None:
    checks = found(tmp_path)
    assert list(checks) == ["repository", *PERSONAL]
    what = f"{tmp_path}: not inside a Git work tree, so only the personal settings are checked"
    assert checks["repository"] == Check("repository", "ok", what)


def test_in_a_repository_without_cpv(shell: Shell) -> None:
    shell.git("init", "-q")
    what = f"{shell.path}: CPV does not manage this repository (no .cpv.toml)"
    assert found(shell.path)["repository"] == Check("repository", "warn", what, "dvc cpv init")


def test_settings_that_cannot_be_read(model: ModelRepo) -> None:
    model.write(".cpv.toml", "[push]\nwhen = 3\n")
    assert found(model.path)["repository"] == Check(
        "repository", "fail", f"{model.path}/.cpv.toml:2: push.when must be a string", "edit .cpv.toml"
    )
    path = Path.home() / ".cpv/config.json"
    path.parent.mkdir()
    path.write_text("[]")
    (first, *_) = validate_credentials()
    assert first == Check("settings", "fail", f"{path}:1: must be an object, {{…}}", f"edit {path}")
    path.write_text("{}")
    assert validate_credentials()[0] == Check("settings", "ok", f"{path} is sound")


def test_a_model_without_data_needs_none(make_repo: MakeRepo) -> None:
    model = make_repo(install=False, files={"model.bin": "one"})
    assert found(model.path)["required-files"] == Check("required-files", "ok", "model.bin there")


@pytest.mark.compatibility("Git layouts", "several DVC roots and models in one repository")
def test_several_models_in_one_repository_are_told_apart(model: ModelRepo) -> None:
    (model.path / "second/.dvc").mkdir(parents=True)
    model.write("second/.cpv.toml", SETTINGS)
    checks = found(model.path)
    assert checks["dvc-remote (.)"].result == "ok"
    what = f"{model.path}/second: no DVC remote is configured"
    assert checks["dvc-remote (second)"] == Check("dvc-remote (second)", "fail", what, "dvc remote add -d storage URL")


def test_a_server_that_says_nothing_is_given_up(model: ModelRepo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        model.dvc("remote", "modify", "-q", "storage", "url", "s3://bucket/x")
        endpoint = f"http://localhost:{server.getsockname()[1]}"
        for key, value in (("endpointurl", endpoint), ("access_key_id", "a"), ("secret_access_key", "b")):
            model.dvc("remote", "modify", "-q", "--local", "storage", key, value)
        checks = found(model.path, seconds=2)
    assert checks["s3"].reason == "storage (s3://bucket/x) has not answered in 2 s"
