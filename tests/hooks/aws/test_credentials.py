"""Which credentials are used, and what is said of those that cannot be."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cpv_hooks.accounts.aws import credentials
from cpv_hooks.errors import CPVError
from support.shell import BIN
from support.terminal import converse

KEYS = "aws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = hunter2hunter2\n"
GIVE = "dvc cpv aws-config --credential-path FILE"


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def never() -> str | None:
    raise AssertionError("nobody is to be asked")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "keys", f"[default]\n{KEYS}[team]\n{KEYS}")


def test_a_file_that_is_given(file: Path) -> None:
    assert credentials.find_credentials(file, None, ask=never) == credentials.Credentials(
        file, "default", f"profile default of {file}"
    )
    assert credentials.find_credentials(str(file), "team", ask=never).profile == "team"


def test_a_home_and_a_relative_path_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at_home = write(Path.home() / "keys", f"[default]\n{KEYS}")
    assert credentials.find_credentials("~/keys", None).path == at_home
    write(tmp_path / "here", f"[default]\n{KEYS}")
    monkeypatch.chdir(tmp_path)
    assert credentials.find_credentials("here", None).path == tmp_path / "here"


def test_the_given_file_comes_before_the_saved_one_and_that_before_awss_own(file: Path, tmp_path: Path) -> None:
    write(Path.home() / ".aws/credentials", f"[default]\n{KEYS}")
    saved = write(tmp_path / "saved", f"[default]\n{KEYS}")
    assert credentials.find_credentials(file, None, saved=str(saved)).path == file
    assert credentials.find_credentials(None, None, saved=str(saved)).path == saved
    assert credentials.find_credentials(None, None).path is None


def test_nothing_of_the_file_is_kept(file: Path) -> None:
    assert "hunter2" not in repr(credentials.find_credentials(file, None))


def test_a_file_that_others_can_read_is_warned_of(file: Path) -> None:
    file.chmod(0o640)
    assert credentials.find_credentials(file, None).warning == (
        f"{file}: other users of this machine can get at it; fix: chmod 600 {file}"
    )


# AWS's own places


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
    assert credentials.find_credentials(None, "default", ask=never) == credentials.Credentials(
        None, None, "the environment"
    )


def test_awss_own_file_and_a_profile_of_it() -> None:
    write(Path.home() / ".aws/credentials", f"[default]\n{KEYS}[team]\n{KEYS}")
    assert credentials.find_credentials(None, None, ask=never).source == "AWS's own credential file"
    assert credentials.find_credentials(None, "team", ask=never) == credentials.Credentials(
        None, "team", "profile team of AWS's own credential file"
    )


@pytest.mark.compatibility("Remotes", "AWS profiles, `credential_process`, SSO")
def test_single_sign_on_and_a_credential_process() -> None:
    sso = "sso_start_url = https://x\nsso_region = us-east-1\nsso_account_id = 123456789012\nsso_role_name = dev\n"
    answer = write(Path.home() / "answer", '{"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "hunter2hunter2"}')
    made = f"credential_process = /bin/cat {answer}\n"
    write(Path.home() / ".aws/config", f"[profile sso]\n{sso}[profile made]\n{made}")
    assert credentials.find_credentials(None, "sso", ask=never).source == "profile sso of AWS single sign-on"
    assert credentials.find_credentials(None, "made", ask=never).source == "profile made of a credential process"


@pytest.mark.parametrize("command", ["/bin/false", "/bin/cat /dev/null", "/no/such/program"])
def test_a_credential_process_that_fails(command: str) -> None:
    write(Path.home() / ".aws/config", f"[profile made]\ncredential_process = {command}\n")
    with pytest.raises(CPVError, match=r"^no AWS credentials: .*; fix: aws configure$"):
        credentials.find_credentials(None, "made", ask=never)


def test_a_profile_that_aws_does_not_have() -> None:
    write(Path.home() / ".aws/credentials", f"[default]\n{KEYS}[team]\n{KEYS}")
    with pytest.raises(CPVError) as caught:
        credentials.find_credentials(None, "nope", ask=never)
    assert str(caught.value) == (
        "AWS has no profile 'nope' (it has default, team); fix: "
        "dvc cpv aws-config --profile NAME, or aws configure --profile NAME"
    )


# Nothing there


def test_nobody_to_ask() -> None:
    with pytest.raises(CPVError) as caught:
        credentials.find_credentials(None, None)
    assert str(caught.value) == f"no AWS credentials were found; fix: {GIVE}, or aws configure"


def test_a_terminal_is_asked(file: Path, tmp_path: Path) -> None:
    code = "from cpv_hooks.accounts.aws import credentials; print(credentials.find_credentials(None, None).source)"
    status, shown = converse([BIN / "python", "-c", code], tmp_path, [(credentials.PROMPT, str(file))])
    assert status == 0, shown
    assert shown.endswith(f"profile default of {file}\n")


# Bad input


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def loop(path: Path) -> Path:
    path.symlink_to(path)
    return path


BAD: list[tuple[str, Callable[[Path], Path], str, str]] = [
    ("missing", lambda path: path, "no such credential file", GIVE),
    ("below a file", lambda path: write(path, "") / "x", "no such credential file", GIVE),
    ("folder", folder, "is not a file", GIVE),
    ("loop", loop, "cannot be read: Too many levels of symbolic links", GIVE),
    (
        "no INI",
        lambda path: write(path, "secret hunter2hunter2\n"),
        "is not an AWS credential file ([PROFILE] lines and KEY = VALUE lines)",
        f"correct it, or {GIVE}",
    ),
    (
        "binary",
        lambda path: write(path, b"\xff\xfe\x00"),
        "is not an AWS credential file ([PROFILE] lines and KEY = VALUE lines)",
        f"correct it, or {GIVE}",
    ),
    (
        "empty",
        lambda path: write(path, ""),
        "has no profile 'default' (it has none)",
        "aws configure --profile default",
    ),
    (
        "other profiles",
        lambda path: write(path, f"[b]\n{KEYS}[a]\n{KEYS}"),
        "has no profile 'default' (it has a, b)",
        "dvc cpv aws-config --credential-path {path} --profile a",
    ),
    (
        "half of the keys",
        lambda path: write(path, "[default]\naws_access_key_id = AKIAEXAMPLE\n"),
        "profile 'default' has no aws_secret_access_key",
        "add it there",
    ),
]


@pytest.mark.parametrize(("make", "what", "fix"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_file_that_cannot_be_used(tmp_path: Path, make: Callable[[Path], Path], what: str, fix: str) -> None:
    path = make(tmp_path / "keys")
    with pytest.raises(CPVError) as caught:
        credentials.find_credentials(path, None, ask=never)
    assert str(caught.value) == f"{path}: {what}; fix: {fix.format(path=path)}"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("given", ["", " ", "a\0b"])
def test_what_is_no_path(given: str) -> None:
    with pytest.raises(CPVError, match=r"^the credential file's path is empty or no path; fix: dvc cpv aws-"):
        credentials.find_credentials(given, None, ask=never)


def test_an_empty_profile(file: Path) -> None:
    with pytest.raises(CPVError, match=r"^the profile's name is empty; fix: dvc cpv aws-config --profile NAME$"):
        credentials.find_credentials(file, "", ask=never)


def test_a_variable_that_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/elsewhere")
    with pytest.raises(CPVError) as caught:
        credentials.find_credentials(file, None, ask=never)
    assert str(caught.value) == (
        f"{file}: AWS_SHARED_CREDENTIALS_FILE is set to /elsewhere, which wins over this file; "
        "fix: unset AWS_SHARED_CREDENTIALS_FILE"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.fspath(file))
    assert credentials.find_credentials(file, None, ask=never).path == file
