"""Section 3 of the specification, `CPVConfig`: on the real S3 server and a real SSH server."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.accounts.git_host import keys
from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.state_files import cpv_home
from dvc_cpv_plugin import ConfigureError, CPVConfig
from support.repos import ModelRepo
from support.seaweed import Server
from support.ssh_keys import lead_git_home, listing, make_key, ssh_folder
from support.sshd import HOST, SSHServer

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    """A repository of vision/resnet whose data lies in a folder."""
    return make_repo("resnet", install=False, files={"model.bin": "weights", "data/a": "1"})


@pytest.fixture
def credentials(s3_server: Server, tmp_path: Path) -> Path:
    """A credential file with the profiles `default`, whose key is wrong, and `team`."""
    path = tmp_path / "keys"
    path.write_text(
        "[default]\naws_access_key_id = nobody\naws_secret_access_key = wrongwrong\n"
        f"[team]\naws_access_key_id = {s3_server.access_key}\naws_secret_access_key = {s3_server.secret_key}\n"
    )
    path.chmod(0o600)
    return path


def everything(folder: Path) -> dict[str, bytes | None]:
    """All files of the home and of a folder, the logs left out."""
    found = {f"home/{name}": content for name, content in listing(Path.home()).items() if "logs/" not in name}
    kept = {name: content for name, content in listing(folder).items() if not name.startswith(".git/cpv")}
    return {name: content for name, content in (found | kept).items() if not name.startswith("home/dvc-")}


@pytest.mark.specification("3.1", "`setup_aws_profile`", "`aws-config`", "same")
@pytest.mark.specification("5.8", "`~/.cpv/config.json`, `aws_credentials`, `logs/`", "`config`", "`get_config`")
def test_setup_aws_profile(repo: ModelRepo, s3_server: Server, credentials: Path, capsys: Capture) -> None:
    """The path is saved, the profile is loaded, the remote is configured, the way there is verified."""
    bucket = s3_server.make_bucket()
    config = CPVConfig(repo_path=repo.path)
    config.setup_aws_profile(str(credentials), "team", bucket=bucket, endpoint_url=s3_server.endpoint_url)
    assert json.loads((cpv_home() / "config.json").read_text())["aws"] == {
        "bucket": bucket,
        "endpoint_url": s3_server.endpoint_url,
        "credential_path": str(credentials),
        "profile": "team",
    }
    assert os.readlink(cpv_home() / "aws_credentials") == str(credentials)
    assert f"s3://{bucket}/vision/resnet" in repo.dvc("remote", "list").out
    assert repo.dvc("remote", "default").out.strip() == "s3"
    assert "writing, reading and removing work" in capsys.readouterr().err
    assert {"".join(key.split("/")[-2:]) for key in s3_server.keys(bucket, "vision/resnet/")} == repo.objects()
    assert s3_server.secret_key not in "".join(path.read_text() for path in (cpv_home() / "logs").iterdir())


def test_setup_aws_profile_is_done_once(repo: ModelRepo, s3_server: Server, credentials: Path) -> None:
    bucket = s3_server.make_bucket()
    config = CPVConfig(repo_path=repo.path)
    config.setup_aws_profile(str(credentials), "team", bucket=bucket, endpoint_url=s3_server.endpoint_url)
    head, before = repo.head(), (cpv_home() / "config.json").read_bytes()
    # Without a file the configured profile is meant.
    config.setup_aws_profile()
    assert (repo.head(), (cpv_home() / "config.json").read_bytes()) == (head, before)


def test_setup_aws_profile_uses_the_default_profile(repo: ModelRepo, s3_server: Server, credentials: Path) -> None:
    bucket = s3_server.make_bucket()
    before = everything(repo.path)
    with pytest.raises(ConfigureError, match=f"s3://{bucket}"):
        CPVConfig(repo_path=repo.path).setup_aws_profile(
            str(credentials), bucket=bucket, endpoint_url=s3_server.endpoint_url
        )
    assert s3_server.keys(bucket) == {}
    assert everything(repo.path) == before | {"home/.cpv": None, "home/.cpv/logs": None}


def test_a_dry_run_of_setup_aws_profile(repo: ModelRepo, s3_server: Server, credentials: Path, capsys: Capture) -> None:
    bucket, before = s3_server.make_bucket(), everything(repo.path)
    CPVConfig(dry_run=True, working_dir=repo.path).setup_aws_profile(
        "../keys", "team", bucket=bucket, endpoint_url=s3_server.endpoint_url
    )
    assert f"would file: {cpv_home()}/config.json: aws.credential_path = {credentials}\n" in capsys.readouterr().out
    assert s3_server.keys(bucket) == {}
    assert everything(repo.path) == before | {"home/.cpv": None, "home/.cpv/logs": None}


@pytest.mark.specification("3.2", "`setup_bitbucket_ssh`", "`bitbucket-config`", "same")
def test_setup_bitbucket_ssh(repo: ModelRepo, ssh_server: SSHServer, capsys: Capture) -> None:
    """A key is made, the user is told where to add it, ~/.ssh/config has an entry, the connection is tested."""
    ssh_server.make("vision", "resnet")
    lead_git_home()
    config = CPVConfig(repo_path=repo.path)
    with pytest.raises(ConfigureError, match="paste the line 'ssh-ed25519 "):
        config.setup_bitbucket_ssh(
            "id_team", "ada", host=HOST, port=ssh_server.port, host_fingerprint=ssh_server.fingerprint
        )
    assert f'IdentityFile "{ssh_folder() / "id_team"}"' in (ssh_folder() / "config").read_text()
    assert config.get_config("bitbucket")["user"] == "ada"
    ssh_server.add_key(keys.public_file(ssh_folder() / "id_team"))
    config.setup_bitbucket_ssh()
    assert f"{HOST} lets you in" in capsys.readouterr().err
    assert repo.git("remote", "get-url", "origin").lines == [ssh_server.url("vision", "resnet")]


def test_a_dry_run_of_setup_bitbucket_ssh(repo: ModelRepo, capsys: Capture) -> None:
    before = everything(repo.path)
    CPVConfig(repo_path=repo.path).setup_bitbucket_ssh("id_team", dry_run=True, test=False)
    assert f"would file: make the ed25519 key {ssh_folder() / 'id_team'} " in capsys.readouterr().out
    assert everything(repo.path) == before | {"home/.cpv": None, "home/.cpv/logs": None}


@pytest.mark.specification("3.3", "`get_config`", "`config get`, `config list`", "same")
def test_get_config() -> None:
    """All of it, a group, or one setting; always a dictionary."""
    config = CPVConfig()
    personal_settings.update({"aws.region": "eu-west-1"})
    assert config.get_config() == personal_settings.get()
    assert config.get_config("aws")["region"] == "eu-west-1"
    assert config.get_config("aws.region") == {"aws.region": "eu-west-1"}
    assert config.get_config("team_name") == {"team_name": None}


@pytest.mark.specification("3.4", "`validate_credentials`", "`validate`", "same")
def test_validate_credentials(
    repo: ModelRepo, s3_server: Server, ssh_server: SSHServer, credentials: Path, capsys: Capture
) -> None:
    """True where S3 takes the keys and the Git host lets the user in; else False, and what is wrong is said."""
    config = CPVConfig(repo_path=repo.path)
    assert not config.validate_credentials()
    assert "cpv: warning: git-host: no Git host is configured; fix: dvc cpv bitbucket-config\n" in (
        capsys.readouterr().err
    )
    bucket = s3_server.make_bucket()
    config.setup_aws_profile(str(credentials), "team", bucket=bucket, endpoint_url=s3_server.endpoint_url)
    ssh_server.make("vision", "resnet")
    lead_git_home()
    ssh_server.add_key(keys.public_file(make_key(ssh_folder() / "id_ed25519")))
    config.setup_bitbucket_ssh(host=HOST, port=ssh_server.port, host_fingerprint=ssh_server.fingerprint)
    capsys.readouterr()
    assert config.validate_credentials()
    said = capsys.readouterr().err.splitlines()
    assert f"cpv: aws: profile team of {credentials} opens s3://{bucket}" in said
    assert f"cpv: git-host: {HOST} lets you in" in said
    personal_settings.update({"aws.profile": "default"})
    assert not config.validate_credentials()
    assert "cpv: warning: aws: " in capsys.readouterr().err
