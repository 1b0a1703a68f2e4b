"""`dvc cpv init` on a machine on which `dvc cpv aws-config` has set S3 up."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpv_hooks.accounts.aws.access_policy import policy
from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.setup.init import remote
from support.identity import limited
from support.seaweed import Server
from support.shell import Shell


@pytest.fixture
def bucket(s3_server: Server, tmp_path: Path, shell: Shell) -> str:
    name = s3_server.make_bucket()
    file = tmp_path / "keys"
    file.write_text(limited(s3_server, policy(name, "vision")).file("team"))
    file.chmod(0o600)
    arguments = ["--credential-path", file, "--profile", "team", "--bucket", name, "--region", "us-east-1"]
    shell.cpv("aws-config", *arguments, "--endpoint-url", s3_server.endpoint_url)
    return name


def test_a_new_repository_is_on_s3_and_a_colleague_needs_aws_config_alone(
    shell: Shell, bucket: str, s3_server: Server
) -> None:
    url = f"s3://{bucket}/vision/resnet"
    shown = shell.cpv("init", "resnet", "--team-name", "vision", "--dry-run").out
    assert f"would run: dvc remote add --default storage {url}\n" in shown
    assert f"would run: dvc remote modify storage endpointurl {s3_server.endpoint_url}\n" in shown
    assert f"would run: dvc remote modify --local storage credentialpath {shell.path}/keys\n" in shown
    shell.cpv("init", "resnet", "--team-name", "vision")
    model = Shell(shell.path / "resnet")
    assert model.read(".dvc/config").decode() == (
        f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {url}\n"
        f"    endpointurl = {s3_server.endpoint_url}\n    region = us-east-1\n"
    )
    assert model.read(".dvc/config.local").decode() == (
        f"['remote \"storage\"']\n    credentialpath = {shell.path}/keys\n    profile = team\n"
    )
    assert len(s3_server.keys(bucket, "vision/resnet/files/md5/")) == 4
    assert model.changes() == []
    shell.git("clone", "-q", "resnet", "clone")
    clone = Shell(shell.path / "clone")
    assert "writing, reading and removing work" in clone.cpv("aws-config").err
    clone.dvc("pull", "-q")
    assert clone.tree() == model.tree()
    assert clone.changes() == []


def test_where_aws_is_not_set_up_the_folder_is_the_default() -> None:
    local = remote.default_url("vision", "resnet")
    personal_settings.update({"aws.region": "eu-west-1"})
    assert remote.default_url("vision", "resnet") == local
    assert remote.to_modify(local, "vision", "resnet") == []
    personal_settings.update({"aws.bucket": "models"})
    assert remote.default_url("vision", "resnet") == "s3://models/vision/resnet"
    assert remote.to_modify("s3://models/vision/resnet", "vision", "resnet") == [("region", "eu-west-1", False)]
    assert remote.to_modify("s3://elsewhere/x", "vision", "resnet") == []
