"""`aws` and `git-host`: the personal settings are tried on real servers, and nothing is written there."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cpv_hooks.accounts.git_host import ssh_config
from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.checks.validate import validate_credentials
from cpv_hooks.console.check_result import Check
from support.seaweed import Server
from support.ssh_keys import make_key, ssh_folder
from support.sshd import HOST, SSHServer


def found(name: str, seconds: float = 20.0) -> Check:
    return {check.name: check for check in validate_credentials(seconds=seconds)}[name]


def test_what_is_not_configured_is_a_warning() -> None:
    assert validate_credentials() == [
        Check("settings", "ok", f"{personal_settings.path()}: none, so the defaults"),
        Check(
            "aws",
            "warn",
            "AWS is not configured, so only each repository's own remote is used",
            "dvc cpv aws-config",
        ),
        Check("git-host", "warn", "no Git host is configured", "dvc cpv bitbucket-config"),
    ]
    assert not personal_settings.path().parent.exists()


# AWS


@pytest.fixture
def bucket(s3_server: Server) -> str:
    """A bucket, and settings that lead to it."""
    name = s3_server.make_bucket()
    keys = credentials(s3_server.access_key, s3_server.secret_key)
    personal_settings.update(
        {
            "aws.bucket": name,
            "aws.endpoint_url": s3_server.endpoint_url,
            "aws.region": s3_server.region,
            "aws.credential_path": str(keys),
            "team_name": "vision",
        }
    )
    return name


def credentials(access: str, secret: str) -> Path:
    path = Path.home() / "keys"
    path.touch(mode=0o600)
    path.write_text(f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n")
    return path


def test_aws_opens_the_bucket_and_leaves_nothing_there(bucket: str, s3_server: Server) -> None:
    what = f"profile default of {Path.home()}/keys opens s3://{bucket}"
    assert found("aws") == Check("aws", "ok", what)
    assert s3_server.keys(bucket) == {}


def test_aws_keys_that_others_can_read(bucket: str) -> None:
    path = Path.home() / "keys"
    path.chmod(0o644)
    warned = found("aws")
    assert (warned.result, warned.name) == ("warn", "aws")
    assert warned.reason.startswith(f"{path}: other users of this machine can get at it")


def test_aws_with_wrong_keys(bucket: str, s3_server: Server) -> None:
    credentials(s3_server.access_key, "notthesecretkey")
    check = found("aws")
    assert check.result == "fail"
    assert "the secret access key is wrong (the signature does not match)" in check.reason
    assert "notthesecretkey" not in str(check)


def test_aws_without_the_file_or_the_bucket(bucket: str) -> None:
    personal_settings.update({"aws.bucket": "no-such-bucket"})
    assert "there is no bucket 'no-such-bucket'" in found("aws").reason
    (Path.home() / "keys").unlink()
    assert found("aws").reason == f"{Path.home()}/keys: no such credential file"


def test_aws_that_says_nothing_is_given_up(bucket: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://localhost:{server.getsockname()[1]}"
        personal_settings.update({"aws.endpoint_url": endpoint})
        assert found("aws", seconds=1) == Check(
            "aws", "fail", f"{endpoint} has not answered in 1 s", "check the network"
        )


# The Git host


@pytest.fixture
def host(ssh_server: SSHServer) -> SSHServer:
    """A host that knows the user's key, and settings that lead to it."""
    key = make_key(ssh_folder() / "id_ed25519")
    ssh_server.add_key(key.with_suffix(".pub"), "grace")
    ssh_server.like = "data center"
    (ssh_folder() / "known_hosts").write_text(f"[{HOST}]:{ssh_server.port} {ssh_server.host_key}\n")
    for step in ssh_config.ssh_config_steps(ssh_config.HostEntry(HOST, key)):
        step.do()
    personal_settings.update(
        {"bitbucket.host": HOST, "bitbucket.port": ssh_server.port, "bitbucket.key_path": str(key)}
    )
    return ssh_server


def test_the_git_host_lets_the_user_in(host: SSHServer) -> None:
    assert found("git-host") == Check("git-host", "ok", f"{HOST} lets you in as grace")


def test_the_git_host_does_not_know_the_key(host: SSHServer) -> None:
    host.users.clear()
    check = found("git-host")
    assert check.result == "fail"
    assert check.reason == f"{HOST}:{host.port}: it does not know your key yet"
    assert check.fix is not None and "dvc cpv bitbucket-config again" in check.fix


def test_the_git_host_is_not_there(host: SSHServer) -> None:
    host.stop()
    what = f"ssh://{HOST}:{host.port}/: [{HOST}]:{host.port} does not answer"
    assert found("git-host") == Check("git-host", "fail", what, "check the network, then repeat the command")


def test_a_git_host_that_is_no_ssh_server() -> None:
    personal_settings.update({"bitbucket.url_pattern": "https://host.example/{team_name}/{model_name}.git"})
    what = "https://host.example is not reached over SSH, so it is not asked"
    assert found("git-host") == Check("git-host", "ok", what)
