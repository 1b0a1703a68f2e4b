"""`dvc cpv config` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.state_files import cpv_home
from support.inside import cpv
from support.shell import BIN, Shell
from support.terminal import converse

WEBHOOK = "https://chat.example.com/some/secret/address"


def test_set_get_unset(tmp_path: Path) -> None:
    done = cpv(tmp_path, "config", "set", "aws.region", "eu-west-1")
    assert (done.status, done.out, done.err) == (0, "", "cpv: aws.region = eu-west-1\n")
    assert cpv(tmp_path, "config", "get", "aws.region").out == "eu-west-1\n"
    assert cpv(tmp_path, "config", "unset", "aws.region").err == "cpv: aws.region = (none)\n"
    assert cpv(tmp_path, "config", "get", "aws.region").out == "\n"
    assert cpv(tmp_path, "config", "set", "quiet", "yes").status == 0
    assert cpv(tmp_path, "config", "get", "quiet").out == "true\n"
    assert personal_settings.load_settings().quiet


def test_a_group_of_settings(tmp_path: Path) -> None:
    personal_settings.update({"bitbucket.port": 7999})
    assert cpv(tmp_path, "config", "get", "bitbucket").out.splitlines() == [
        "bitbucket.user =",
        "bitbucket.host = bitbucket.org",
        "bitbucket.port = 7999",
        "bitbucket.key_path =",
        "bitbucket.url_pattern =",
    ]


def test_values_as_json(tmp_path: Path) -> None:
    personal_settings.update({"aws.region": "eu-west-1", "logs.keep": 7})
    found = {key: json.loads(cpv(tmp_path, "config", "get", key, "--json").out) for key in ("aws.region", "logs")}
    assert found == {"aws.region": "eu-west-1", "logs": {"keep": 7}}
    assert json.loads(cpv(tmp_path, "config", "get", "aws.endpoint_url", "--json").out) is None


def test_list_in_a_pipe_and_as_json(tmp_path: Path) -> None:
    personal_settings.update({"team_name": "vision", "aws.credential_path": "/keys/[bold]"})
    lines = cpv(tmp_path, "config", "list").out.splitlines()
    assert [line.partition(" =")[0] for line in lines] == list(personal_settings.keys())
    assert lines[:4] == [
        "quiet = false",
        "team_name = vision",
        "aws.credential_path = /keys/[bold]",
        "aws.profile = default",
    ]
    assert json.loads(cpv(tmp_path, "config", "list", "--json").out) == personal_settings.get()


def test_list_on_a_terminal(tmp_path: Path) -> None:
    personal_settings.update({"aws.credential_path": "/keys/[bold]"})
    status, shown = converse([BIN / "dvc", "cpv", "config", "list"], tmp_path, [])
    rows = [line.split() for line in shown.splitlines()]
    assert status == 0
    assert rows[0] == ["setting", "value"]
    assert ["aws.credential_path", "/keys/[bold]", "set"] in rows
    assert ["aws.profile", "default"] in rows


def test_a_webhook_s_address_is_never_shown(tmp_path: Path, shell: Shell) -> None:
    done = shell.cpv("config", "set", "notify.url", "-", input=f"{WEBHOOK}\n")
    assert (done.out, done.err) == ("", "cpv: notify.url = https://chat.example.com/***\n")
    assert personal_settings.get("notify.url") == WEBHOOK
    for args in (["list"], ["list", "--json"], ["get", "notify"], ["get", "notify.url"], ["get", "notify", "--json"]):
        text = cpv(tmp_path, "config", *args).text
        assert "https://chat.example.com/***" in text
        assert "some/secret" not in text  # a setting is called notify.secret


def test_the_key_of_events_and_tokens_in_addresses_are_never_shown(tmp_path: Path) -> None:
    personal_settings.update({"notify.secret": "0123456789abcdef", "notify.url": "slack://token/of/mine"})
    for args in (["list"], ["list", "--json"], ["get", "notify"], ["get", "notify.secret"], ["get", "notify.url"]):
        text = cpv(tmp_path, "config", *args).text
        assert "***" in text
        assert "0123456789" not in text
        assert "token" not in text


def test_a_secret_in_the_arguments_is_warned_of(tmp_path: Path) -> None:
    done = cpv(tmp_path, "config", "set", "notify.url", WEBHOOK)
    assert done.err.splitlines() == [
        "cpv: warning: notify.url: every user of this machine can read a command's arguments;"
        " dvc cpv config set notify.url - asks",
        "cpv: notify.url = https://chat.example.com/***",
    ]


def test_a_secret_is_typed_without_an_echo(tmp_path: Path) -> None:
    status, shown = converse(
        [BIN / "dvc", "cpv", "config", "set", "notify.url", "-"], tmp_path, [("notify.url: ", WEBHOOK)]
    )
    assert status == 0
    assert "secret" not in shown
    assert personal_settings.get("notify.url") == WEBHOOK


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    path = personal_settings.path()
    done = cpv(tmp_path, "config", "set", "logs.keep", "7", "--dry-run")
    assert (done.out, done.err) == (f"would file: set logs.keep = 7 in {path}\n", "")
    done = cpv(tmp_path, "config", "unset", "logs.keep", "--dry-run")
    assert done.out == f"would file: set logs.keep = 100 in {path}\n"
    assert cpv(tmp_path, "config", "set", "logs.keep", "many", "--dry-run").status == 1
    assert not cpv_home().exists()


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (
            ["get", "aws.regoin"],
            "there is no setting 'aws.regoin'; did you mean aws.region?; fix: dvc cpv config list",
        ),
        (
            ["set", "teamname", "x"],
            "there is no setting 'teamname'; did you mean team_name?; fix: dvc cpv config list",
        ),
        (["set", "quiet", ""], "quiet must be true or false; fix: dvc cpv config set quiet VALUE"),
        (
            ["set", "logs.keep", "many"],
            "logs.keep must be a whole number from 1 to 100000; fix: dvc cpv config set logs.keep VALUE",
        ),
        (["set", "aws", "x"], "aws cannot be set; fix: dvc cpv config list"),
        (["unset", "version"], "version cannot be set; fix: dvc cpv config list"),
        (
            ["set", "team_name", "$(reboot)"],
            "team_name must be a name of up to 64 letters, digits, . _ or -; fix: dvc cpv config set team_name VALUE",
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, args: list[str], what: str) -> None:
    done = cpv(tmp_path, "config", *args)
    assert (done.status, done.out, done.err) == (1, "", f"cpv: {personal_settings.path()}: {what}\n")
    assert not personal_settings.path().exists()


def test_a_broken_file_is_one_line(tmp_path: Path) -> None:
    cpv_home().mkdir()
    personal_settings.path().write_text('{\n"quiet": tru}')
    for args in (["list"], ["get", "quiet"], ["set", "quiet", "true"], ["unset", "quiet"]):
        done = cpv(tmp_path, "config", *args)
        path = personal_settings.path()
        assert done.err == f"cpv: {path}:2: not JSON: Expecting value; fix: edit {path}\n"
        assert (done.status, done.out) == (1, "")
    assert personal_settings.path().read_text() == '{\n"quiet": tru}'


@pytest.mark.parametrize("verb", ["", "get", "set", "unset", "list"])
def test_help_has_examples(shell: Shell, verb: str) -> None:
    assert f"examples:\n  dvc cpv config {verb}" in shell.cpv("config", *verb.split(), "--help").out
