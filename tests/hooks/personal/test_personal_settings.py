"""`~/.cpv/config.json`: what is read, what is refused, what a change leaves behind."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.accounts.personal.private_folder import link_credentials
from cpv_hooks.accounts.personal.schema import Settings
from cpv_hooks.console.output import is_quiet
from cpv_hooks.console.redact import redact
from cpv_hooks.errors import CPVError
from cpv_hooks.state_files import cpv_home

NEWEST = {"version": 2, "quiet": True, "aws": {"region": "eu-west-1", "profile": ["a", "b"]}, "logs": "all", "new": 1}


def write(content: str | bytes | dict[str, Any]) -> Path:
    """Put this into the file of settings."""
    path = personal_settings.path()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(**changes: object) -> str:
    """The line with which a change is refused, without the file's name."""
    with pytest.raises(CPVError) as caught:
        personal_settings.update({key.replace("__", "."): value for key, value in changes.items()})
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{personal_settings.path()}: ")


# Reading


def test_the_defaults() -> None:
    assert personal_settings.get() == {
        "version": 1,
        "quiet": False,
        "team_name": None,
        "aws": {
            "credential_path": None,
            "profile": "default",
            "region": None,
            "endpoint_url": None,
            "bucket": "vmo-model-checkpoints",
        },
        "bitbucket": {"user": None, "host": "bitbucket.org", "port": None, "key_path": None, "url_pattern": None},
        "notify": {"url": None, "events": None, "webhook": None, "secret": None},
        "logs": {"keep": 100},
        "fetch": None,
    }
    assert not cpv_home().exists()


def test_a_file_made_by_hand() -> None:
    write('\ufeff{"team_name": "vision", "aws": {"region": "eu-west-1"}, "bitbucket": {"port": 7999}}')
    found = personal_settings.load_settings()
    assert (found.team_name, found.aws.region, found.aws.profile) == ("vision", "eu-west-1", "default")
    assert found.bitbucket.port == 7999
    write(b"")
    assert personal_settings.load_settings() == Settings()


def test_values_and_groups_by_key() -> None:
    personal_settings.update({"aws.region": "eu-west-1"})
    assert personal_settings.get("aws.region") == "eu-west-1"
    assert personal_settings.get("notify") == {"url": None, "events": None, "webhook": None, "secret": None}
    assert personal_settings.get("version") == 1


def test_keys_are_snake_case() -> None:
    known = personal_settings.keys()
    assert known[:3] == ("quiet", "team_name", "aws.credential_path")
    assert all(part.replace("_", "").islower() for key in known for part in key.split("."))


@pytest.mark.parametrize(
    ("content", "place", "what"),
    [
        ('{"quiet": true,\n', ":2", "not JSON: Expecting property name enclosed in double quotes"),
        ("quiet = true", ":1", "not JSON: Expecting value"),
        ("[1]", ":1", "must be an object, {…}"),
        (b'{"team_name":\n "\xff"}', ":2", "not UTF-8"),
        ('{"logs": {"keep": NaN}}', "", "not JSON: NaN is not a JSON number"),
        ("[" * 100_000, "", "not JSON: nested too deeply"),
        (" " * (personal_settings.MAX_BYTES + 1), "", "larger than 1048576 bytes"),
        ({"quiet": "yes"}, "", "quiet must be true or false"),
        ({"quiet": 1}, "", "quiet must be true or false"),
        ({"aws": "eu-west-1"}, "", "aws must be a group of settings, {…}"),
        ({"aws": {"region": 1}}, "", "aws.region must be a region's name, such as eu-west-1"),
        ({"logs": {"keep": True}}, "", "logs.keep must be a whole number from 1 to 100000"),
        ({"version": "1"}, "", "version must be a whole number"),
        ({"version": 0}, "", "version must be a whole number"),
    ],
)
def test_a_file_that_cannot_be_read(content: str | bytes | dict[str, Any], place: str, what: str) -> None:
    path = write(content)
    before = path.read_bytes()
    with pytest.raises(CPVError) as caught:
        personal_settings.load_settings()
    assert str(caught.value).startswith(f"{path}{place}: {what}; fix: ")
    if not isinstance(content, dict):
        assert refusal(quiet=True).startswith(str(caught.value).removeprefix(f"{path}: "))
        assert path.read_bytes() == before


def test_a_folder_in_the_file_s_place() -> None:
    personal_settings.path().mkdir(parents=True)
    with pytest.raises(CPVError, match=r"there is a folder where a file should be; fix: mv \S+config\.json to"):
        personal_settings.load_settings()


def test_a_pipe_in_the_file_s_place() -> None:
    personal_settings.path().parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(personal_settings.path())
    with pytest.raises(CPVError, match=r"not a file but a pipe, a socket or a device; fix: mv \S+config\.json to"):
        personal_settings.load_settings()


def test_a_wrong_value_is_mended_by_the_command_that_the_error_names() -> None:
    write({"quiet": "maybe", "other": 1})
    with pytest.raises(CPVError, match="fix: dvc cpv config set quiet VALUE"):
        personal_settings.load_settings()
    assert personal_settings.update({"quiet": "on"}).quiet


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("aws.regoin", "there is no setting 'aws.regoin'; did you mean aws.region?"),
        ("team", "there is no setting 'team'; did you mean team_name?"),
        ("quiet.", "there is no setting 'quiet.'; did you mean quiet?"),
        ("aws.region.name", "there is no setting 'aws.region.name'; did you mean aws.region?"),
        ("AWS.REGION", "there is no setting 'AWS.REGION' (known: quiet, team_name, aws.credential_path, "),
        ("../../etc/passwd", "there is no setting '../../etc/passwd' (known: quiet, "),
        ("", "there is no setting '' (known: quiet, "),
    ],
)
def test_a_key_that_does_not_exist(key: str, hint: str) -> None:
    with pytest.raises(CPVError) as caught:
        personal_settings.get(key)
    assert str(caught.value).startswith(f"{personal_settings.path()}: {hint}")
    with pytest.raises(CPVError) as caught:
        personal_settings.update({key: "x"})
    assert hint in str(caught.value)
    assert str(caught.value).endswith("; fix: dvc cpv config list")
    assert not cpv_home().exists()


# Changing


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("quiet", "true", True),
        ("quiet", "No", False),
        ("logs.keep", "7", 7),
        ("bitbucket.port", "22", 22),
        ("team_name", "true", "true"),
        ("team_name", "7", "7"),
        ("aws.endpoint_url", "http://[::1]:8333", "http://[::1]:8333"),
        ("bitbucket.host", "fe80::1", "fe80::1"),
        ("bitbucket.url_pattern", "ssh://git@h:7999/{team_name}/{model_name}.git", None),
        ("notify.url", "http://127.0.0.1:8080/hook", None),
        ("notify.url", "slack://token/one,mailtos://ada:pass@example.com,https://example.com/a,b", None),
        ("notify.events", "uploaded, upload_failed", None),
        ("notify.webhook", "http://localhost:8080/hook", None),
        ("notify.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", None),
        ("aws.credential_path", "/home/Ada L/keys", None),
    ],
)
def test_a_string_is_read_as_the_setting_s_type(key: str, text: str, value: object) -> None:
    personal_settings.update({key: text})
    assert personal_settings.get(key) == (text if value is None else value)
    assert json.loads(personal_settings.path().read_text())["version"] == 1


@pytest.mark.parametrize(
    ("key", "values", "allowed"),
    [
        ("quiet", ["maybe", "", 1], "true or false"),
        (
            "team_name",
            ["", "a/b", "../x", "-x", "a\nb", "x.", "a" * 65, 7],
            "a name of up to 64 letters, digits, . _ or -",
        ),
        ("aws.credential_path", ["", " ", "a\0b", 7], "the path of a credentials file"),
        ("aws.profile", ["", "a\nb"], "the name of a profile in the credentials file"),
        ("aws.region", ["", "eu west", "eu;reboot", "-"], "a region's name, such as eu-west-1"),
        (
            "aws.endpoint_url",
            [
                "",
                "host:1",
                "ftp://h",
                "http://",
                "http://a:b@h",
                "http://h:99999",
                "http://h h",
                "http://h:x",
                "http://[h",
            ],
            "an http or https URL without a password",
        ),
        (
            "aws.bucket",
            ["ab", "a/b", "../..", "s3://bucket", ""],
            "a bucket's name: 3 to 255 letters, digits, dots, dashes or underscores",
        ),
        ("bitbucket.user", ["", "-oProxyCommand=x", "a b", "a:b"], "a user's name of letters, digits, . _ @ + or -"),
        ("bitbucket.host", ["", "-h", "a b", "h/x", "h;x"], "a host's name or address"),
        (
            "bitbucket.port",
            ["0", "65536", "-1", "2.5", "ssh", "", 2.0, True, "9" * 30],
            "a whole number from 1 to 65535",
        ),
        ("bitbucket.key_path", ["", "a\nb"], "the path of a private SSH key"),
        (
            "bitbucket.url_pattern",
            ["", "git@h:x.git", "-x{model_name}", "a b{model_name}", "x\n{model_name}"],
            "a URL with {model_name} in it (and {team_name}), without blanks",
        ),
        (
            "notify.url",
            [
                "",
                "http://example.com/hook",
                "file:///x",
                "https://a:b@h/",
                "slack://",
                "slack://a b",
                "slack://a,http://h/",
            ],
            "an address of Apprise, or an https URL (http only for this machine) without a password",
        ),
        (
            "notify.events",
            ["", "none", "tagged,", "tagged;uploaded", "all,tagged"],
            "all, or some of tagged, uploaded, upload_failed, promoted, retired, batch_done, joined by commas",
        ),
        (
            "notify.webhook",
            ["", "http://example.com/hook", "slack://a/b", "https://a:b@h/"],
            "an https URL (http only for this machine) without a password",
        ),
        (
            "notify.secret",
            ["", "x" * 15, "x" * 501, "a secret of words"],
            "16 to 500 letters, digits and signs without blanks",
        ),
        ("logs.keep", ["0", "-1", "100001", "many"], "a whole number from 1 to 100000"),
    ],
)
def test_a_value_that_is_not_allowed(key: str, values: list[object], allowed: str) -> None:
    for value in values:
        assert refusal(**{key.replace(".", "__"): value}) == (
            f"{key} must be {allowed}; fix: dvc cpv config set {key} VALUE"
        ), value
        assert not personal_settings.path().exists(), value


@pytest.mark.parametrize("key", ["version", "aws", "logs"])
def test_what_cannot_be_set(key: str) -> None:
    assert refusal(**{key: "2"}) == f"{key} cannot be set; fix: dvc cpv config list"


def test_all_of_a_change_or_none_of_it() -> None:
    personal_settings.update({"team_name": "vision"})
    refusal(team_name="speech", logs__keep=0)
    assert personal_settings.get("team_name") == "vision"


def test_none_brings_the_default_back() -> None:
    personal_settings.update({"logs.keep": 7, "aws.region": "eu-west-1"})
    assert personal_settings.update({"logs.keep": None}).logs.keep == 100
    assert json.loads(personal_settings.path().read_text()) == {
        "version": 1,
        "logs": {},
        "aws": {"region": "eu-west-1"},
    }


def test_unknown_keys_are_kept() -> None:
    write({"theme": "dark", "aws": {"sso": [1, {"a": None}], "region": "eu-west-1"}, "ключ": "\ud800"})
    personal_settings.update({"aws.region": "us-east-1", "notify.url": "https://example.com/x"})
    assert json.loads(personal_settings.path().read_bytes().decode("utf-8", "surrogatepass")) == {
        "version": 1,
        "theme": "dark",
        "aws": {"sso": [1, {"a": None}], "region": "us-east-1"},
        "ключ": "\ud800",
        "notify": {"url": "https://example.com/x"},
    }


def test_a_newer_file_is_read_as_far_as_it_goes_and_never_written() -> None:
    path = write(NEWEST)
    found = personal_settings.load_settings()
    assert (found.version, found.quiet, found.aws.region) == (2, True, "eu-west-1")
    assert (found.aws.profile, found.logs.keep) == ("default", 100)
    assert refusal(quiet=False) == (
        "written by a newer CPV (version 2; this one writes version 1); fix: pip install --upgrade dvc-cpv"
    )
    assert json.loads(path.read_text()) == NEWEST


# The file


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_file_and_the_folder_are_the_user_s_alone(mask: int) -> None:
    before = os.umask(mask)
    try:
        personal_settings.update({"quiet": True})
    finally:
        os.umask(before)
    assert (mode(cpv_home()), mode(personal_settings.path())) == (0o700, 0o600)
    assert sorted(path.name for path in cpv_home().iterdir()) == [".lock", "config.json"]


def test_what_was_open_to_others_is_closed() -> None:
    path = write({"team_name": "vision"})
    path.chmod(0o666)
    path.parent.chmod(0o777)
    personal_settings.update({"quiet": True})
    assert (mode(cpv_home()), mode(path)) == (0o700, 0o600)
    assert personal_settings.get("team_name") == "vision"


def test_a_link_into_a_folder_of_dot_files_stays(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text('{"team_name": "vision"}')
    cpv_home().mkdir()
    personal_settings.path().symlink_to(real)
    personal_settings.update({"quiet": True})
    assert personal_settings.path().is_symlink()
    assert json.loads(real.read_text()) == {"version": 1, "team_name": "vision", "quiet": True}


def test_a_home_that_cannot_be_made() -> None:
    cpv_home().write_text("a file")
    assert personal_settings.load_settings() == Settings()
    with pytest.raises(CPVError, match=r"\.cpv: there is a file where a folder should be; fix: mv \S+\.cpv to"):
        personal_settings.update({"quiet": True})


def test_quiet_is_what_the_output_reads() -> None:
    assert not is_quiet()
    personal_settings.update({"quiet": "true"})
    assert is_quiet()


def test_a_webhook_s_address_is_not_printed_by_anything() -> None:
    url = "https://chat.example.com/some-secret"
    personal_settings.update({"notify.url": url})
    personal_settings.load_settings()
    assert redact(f"POST {url}") == "POST ***"


AT_ONCE = """
import sys
from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.console.redact import redact
for turn in range(20):
    personal_settings.update({sys.argv[1]: str(turn + 1)})
"""


def test_processes_that_change_it_at_once_lose_nothing() -> None:
    wanted = ("logs.keep", "bitbucket.port", "team_name", "aws.profile")
    running = [subprocess.Popen([sys.executable, "-c", AT_ONCE, key]) for key in wanted]
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    assert [str(personal_settings.get(key)) for key in wanted] == ["20"] * 4


# The link to the credentials


def test_the_link_to_the_credentials_is_made_and_replaced(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).write_text("[default]\n")
        link = link_credentials(tmp_path / name)
        assert link == cpv_home() / "aws_credentials"
        assert os.readlink(link) == str(tmp_path / name)
    assert mode(cpv_home()) == 0o700
    assert sorted(path.name for path in cpv_home().iterdir()) == [".lock", "aws_credentials"]
    assert (tmp_path / "first").read_text() == "[default]\n"


def test_a_link_that_leads_nowhere_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "keys"
    target.write_text("[default]\n")
    cpv_home().mkdir()
    (cpv_home() / "aws_credentials").symlink_to(tmp_path / "gone")
    assert link_credentials(target).resolve() == target
    assert not (tmp_path / "gone").exists()


def test_a_file_in_the_link_s_place_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "keys"
    target.write_text("new")
    link = cpv_home() / "aws_credentials"
    cpv_home().mkdir()
    link.write_text("mine")
    with pytest.raises(CPVError) as caught:
        link_credentials(target)
    assert str(caught.value) == (f"{link}: not a symbolic link; CPV does not overwrite it; fix: mv {link} elsewhere")
    assert link.read_text() == "mine"


def test_what_cannot_be_linked(tmp_path: Path) -> None:
    fix = "name the file that has your AWS access keys"
    link = cpv_home() / "aws_credentials"
    for path, what in ((tmp_path / "gone", "no such file"), (tmp_path, "not a file"), (link, "a link to itself")):
        with pytest.raises(CPVError) as caught:
            link_credentials(path)
        assert str(caught.value) == f"{path}: {what}; fix: {fix}"
        assert not os.path.lexists(link)
