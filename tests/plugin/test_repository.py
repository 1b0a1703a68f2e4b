"""A model that is cloned nowhere: found on the Git host, its data on S3, with the user's own settings alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.state_files import cpv_home
from dvc_cpv_plugin import DownloadError, ModelsCheckpointsManage
from support.seaweed import Server
from support.stored import contents


def test_a_model_that_is_not_cloned_yet(make_repo: MakeRepo, s3_server: Server, tmp_path: Path) -> None:
    bucket = s3_server.make_bucket()
    repo = make_repo(remote=f"s3://{bucket}/vision/resnet", server=s3_server, files={"model.bin": "one", "data/a": "1"})
    repo.run("git", "clone", "-q", "--bare", ".", tmp_path / "host" / "vision" / "resnet.git")
    keys = tmp_path / "aws"
    secrets = f"aws_access_key_id = {s3_server.access_key}\naws_secret_access_key = {s3_server.secret_key}\n"
    keys.write_text(f"[team]\n{secrets}")
    empty = tmp_path / "empty"
    empty.mkdir()
    personal_settings.update({"bitbucket.url_pattern": f"file://{tmp_path}/host/{{team_name}}/{{model_name}}.git"})
    personal_settings.update({"aws.bucket": bucket, "aws.credential_path": str(keys), "aws.profile": "team"})
    manage = ModelsCheckpointsManage("vision", "resnet", working_dir=empty)
    assert manage.read_checkpoint_tag() == ["v0.0"]
    found = manage.load_model("v0.0")
    assert contents(found.folder) == {"model.bin": b"one"}
    assert manage.get_model_metadata()["on_remote"] is True
    assert manage.download_model_checkpoint().folder == empty / "resnet-v0.0"
    assert s3_server.secret_key not in (cpv_home() / "repositories/vision/resnet/.dvc/config.local").read_text()
    with pytest.raises(DownloadError, match="there is no such repository, or you have no access to it"):
        ModelsCheckpointsManage("vision", "bert", working_dir=empty).load_model()
