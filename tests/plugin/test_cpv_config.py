"""`CPVConfig`: its options, and what it refuses."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.state_files import cpv_home
from dvc_cpv_plugin import ConfigureError, CPVConfig
from dvc_cpv_plugin.options import COMMON
from support.ssh_keys import ssh_folder

METHODS = ("setup_aws_profile", "setup_bitbucket_ssh", "validate_credentials")


def test_signatures_are_those_of_the_specification() -> None:
    shown = {
        name: [(one.name, one.default) for one in inspect.signature(value).parameters.values()][1:]
        for name, value in vars(CPVConfig).items()
        if inspect.isfunction(value) and not (name.startswith("_") and name != "__init__")
        if name != "show"
    }
    rest = ("kwargs", inspect.Parameter.empty)
    assert shown == {
        "__init__": [rest],
        "setup_aws_profile": [("credential_path", None), ("aws_profile", "default"), rest],
        "setup_bitbucket_ssh": [("keygen_filename", None), ("bitbucket_user", None), rest],
        "get_config": [("key", None)],
        "validate_credentials": [rest],
    }


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_option_names_the_nearest(method: str) -> None:
    with pytest.raises(TypeError, match=rf"{method}\(\) got an unknown option 'dryrun'; did you mean 'dry_run'\?"):
        getattr(CPVConfig(), method)(dryrun=True)
    assert not cpv_home().exists()


def test_the_constructor_checks_its_options() -> None:
    with pytest.raises(TypeError, match=r"CPVConfig\(\): verbose must be a bool, not 'yes'"):
        CPVConfig(verbose="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "name", "must"),
    [
        ("setup_aws_profile", "credential_path", "a string or a path or None"),
        ("setup_aws_profile", "aws_profile", "a str"),
        ("setup_aws_profile", "bucket", "a str or None"),
        ("setup_aws_profile", "read_only", "a bool"),
        ("setup_bitbucket_ssh", "keygen_filename", "a string or a path or None"),
        ("setup_bitbucket_ssh", "bitbucket_user", "a str or None"),
        ("setup_bitbucket_ssh", "port", "a int or None"),
        ("setup_bitbucket_ssh", "test", "a bool"),
        ("get_config", "key", "a str or None"),
        *((method, name, "a ") for method in METHODS for name in COMMON),
    ],
)
def test_a_value_of_the_wrong_type(method: str, name: str, must: str) -> None:
    with pytest.raises(TypeError) as caught:
        getattr(CPVConfig(), method)(**{name: [7]})
    assert str(caught.value).startswith(f"{method}(): {name} must be {must}")
    assert not cpv_home().exists()


@pytest.mark.parametrize(
    ("method", "arguments", "what"),
    [
        ("get_config", {"key": "aws.regoin"}, "there is no setting 'aws.regoin'; did you mean aws.region?"),
        ("get_config", {"key": ""}, "there is no setting ''"),
        ("setup_aws_profile", {"credential_path": "/no/such/file"}, "/no/such/file: no such credential file"),
        ("setup_aws_profile", {"credential_path": ""}, "the credential file's path is empty"),
        ("setup_aws_profile", {"credential_path": "a\0b"}, "the credential file's path is empty or no path"),
        ("setup_aws_profile", {"aws_profile": ""}, "the profile's name is empty"),
        ("setup_aws_profile", {"bucket": "../x"}, "--bucket must be a bucket's name"),
        ("setup_aws_profile", {"team_name": "a/b"}, "'a/b'"),
        ("setup_aws_profile", {}, "no AWS credentials were found"),
        ("setup_bitbucket_ssh", {"keygen_filename": ""}, ""),
        ("setup_bitbucket_ssh", {"keygen_filename": "../../x\0y"}, ""),
        ("setup_bitbucket_ssh", {"bitbucket_user": "-oProxyCommand=x"}, "--user must be a user's name"),
        ("setup_bitbucket_ssh", {"host": "$(reboot)"}, "--host must be a host's name"),
        ("setup_bitbucket_ssh", {"port": 0}, "--port must be a whole number from 1 to 65535"),
        ("setup_bitbucket_ssh", {"url_pattern": "git@h:x.git"}, ""),
        ("validate_credentials", {"log_file": "gone/run.log"}, "the log's folder does not exist"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(
    tmp_path: Path, method: str, arguments: dict[str, Any], what: str
) -> None:
    options = {} if method == "get_config" else {"working_dir": tmp_path}
    with pytest.raises(ConfigureError) as caught:
        getattr(CPVConfig(), method)(**arguments, **options)
    line = str(caught.value)
    assert what in line
    assert "; fix: " in line
    assert "\n" not in line
    assert not personal_settings.path().exists()
    assert not ssh_folder().exists()
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_of_settings() -> None:
    cpv_home().mkdir()
    personal_settings.path().write_text("{")
    with pytest.raises(ConfigureError, match=r"config\.json:1: not JSON: "):
        CPVConfig().get_config()


def test_a_log_is_kept_and_can_be_had_elsewhere(tmp_path: Path) -> None:
    CPVConfig(log_file="run.log", working_dir=tmp_path).validate_credentials()
    (kept,) = (cpv_home() / "logs").iterdir()
    assert "-validate-credentials-" in kept.name
    assert (tmp_path / "run.log").read_text() == kept.read_text()
