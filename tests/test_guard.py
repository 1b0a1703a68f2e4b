"""The guard itself: no test can reach the user's home, keys or Git settings."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from support import sandbox
from support.seaweed import Server
from support.shell import Shell


def test_home_is_empty_and_git_has_an_identity(shell: Shell) -> None:
    assert Path.home() != sandbox.REAL_HOME
    assert sorted(path.name for path in Path.home().iterdir()) == [".gitconfig"]
    assert shell.git("config", "user.email").out == "ada@example.com\n"
    shell.git("init", "-q")
    assert shell.git("symbolic-ref", "HEAD").out == "refs/heads/main\n"


def test_no_foreign_variable_is_left() -> None:
    allowed = {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_TERMINAL_PROMPT", "AWS_EC2_METADATA_DISABLED"}
    assert {key for key in os.environ if key.startswith(("GIT_", "AWS_", "PRE_COMMIT"))} == allowed


def test_opening_a_file_of_the_real_home_is_noticed() -> None:
    with contextlib.suppress(OSError):
        (sandbox.REAL_HOME / ".cpv/config.json").read_bytes()
    assert sandbox.opened() == [str(sandbox.REAL_HOME / ".cpv/config.json")]


def test_s3_server_serves_and_refuses_wrong_keys(s3_server: Server) -> None:
    import boto3
    import pytest
    from botocore.exceptions import ClientError

    bucket = s3_server.make_bucket()
    s3_server.client().put_object(Bucket=bucket, Key="a/b", Body=b"12345")
    assert s3_server.keys(bucket) == {"a/b": 5}
    stranger = boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint_url,
        aws_access_key_id="someone",
        aws_secret_access_key="else",
        region_name=s3_server.region,
    )
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        stranger.list_objects_v2(Bucket=bucket)
