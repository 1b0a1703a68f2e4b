"""A team's repository on the real S3 server, as the specification has it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from support import repos, stand_in
from support.repos import ModelRepo
from support.seaweed import Server
from support.story import MODEL, TEAM, Story

PREFIX = f"{TEAM}/{MODEL}"


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory, s3_server: Server, _skeleton: Path) -> tuple[ModelRepo, str]:
    """A repository with v0.0 and data-v0.0, and its bucket; made once, copied for each test."""
    bucket = s3_server.make_bucket()
    files = {"model.bin": "first weights", "data/a.csv": "1,2\n", "metrics.log": '{"loss": 0.9}\n'}
    folder = tmp_path_factory.mktemp("first") / MODEL
    repo = repos.make(folder, _skeleton, remote=f"s3://{bucket}/{PREFIX}", server=s3_server, files=files)
    assert repo.tags() == ["data-v0.0", "v0.0"]
    return repo, bucket


@pytest.fixture
def story(tmp_path: Path, first: tuple[ModelRepo, str], s3_server: Server) -> Story:
    """The repository with a bucket of its own."""
    original, old = first
    repo, bucket = ModelRepo(tmp_path / MODEL), s3_server.make_bucket()
    shutil.copytree(original.path, repo.path, symlinks=True)
    client: Any = s3_server.client()
    for key in s3_server.keys(old):
        client.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": old, "Key": key})
    _, secret = repos.remote_settings("", s3_server)
    repo.write(".dvc/config.local", f"{secret}    url = s3://{bucket}/{PREFIX}\n")
    # Its live status is a command with an absolute path.
    stand_in.install(repo.path)
    return Story(repo, s3_server, bucket)
