"""The policy that `dvc cpv access` prints, and that CPV and DVC get along with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRepo

from cpv_hooks.accounts.aws.access_policy import policy
from cpv_hooks.accounts.aws.probe import new_key, probe, probe_reading
from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError
from cpv_hooks.remote.common.protocol import Blob, RemoteError
from cpv_hooks.remote.s3.file_parts import PART
from cpv_hooks.remote.s3.s3_remote import S3Remote
from cpv_hooks.remote.s3_client.boto_client import new_client
from cpv_hooks.remote.s3_client.s3_options import S3Options
from support.identity import Identity, limited
from support.seaweed import Server
from support.shell import Shell


def test_what_it_allows() -> None:
    assert policy("models", "vision") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "List",
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:ListBucketVersions"],
                "Resource": "arn:aws:s3:::models",
                "Condition": {"StringLike": {"s3:prefix": ["vision", "vision/*"]}},
            },
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                "Resource": "arn:aws:s3:::models/vision/*",
            },
            {
                "Sid": "Write",
                "Effect": "Allow",
                "Action": ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"],
                "Resource": "arn:aws:s3:::models/vision/*",
            },
            {
                "Sid": "RemoveProbes",
                "Effect": "Allow",
                "Action": ["s3:DeleteObject"],
                "Resource": ["arn:aws:s3:::models/vision/.cpv-probe-*", "arn:aws:s3:::models/vision/*/.cpv-probe-*"],
            },
        ],
    }


def test_reading_alone_and_removing() -> None:
    assert [item["Sid"] for item in policy("models", "vision", read_only=True)["Statement"]] == ["List", "Read"]
    (removing,) = (item for item in policy("models", "vision", gc=True)["Statement"] if item["Sid"] == "Remove")
    assert removing["Resource"] == "arn:aws:s3:::models/vision/*"


@pytest.mark.parametrize("bucket", ["", "a", "*", "a/b", "x*y", "${aws:username}", "a b c", "a..b", "b" * 256, "abc\n"])
def test_what_is_no_bucket(bucket: str) -> None:
    with pytest.raises(CPVError) as caught:
        policy(bucket, "vision")
    assert "is not a bucket's name (3 to 255 letters, digits, '.', '_' or '-'); fix: give it as" in str(caught.value)


@pytest.mark.parametrize("team", ["", "*", "a/b", "..", "${aws:username}", "a b"])
def test_what_is_no_team(team: str) -> None:
    with pytest.raises(CPVError, match="is not a team name"):
        policy("models", team)


class Team:
    """A user with the policy of a team, or with part of it."""

    def __init__(self, server: Server, bucket: str, **rights: bool) -> None:
        self.server = server
        self.bucket = bucket
        self.identity: Identity = limited(server, policy(bucket, "vision", **rights))

    @property
    def environment(self) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": self.identity.access_key, "AWS_SECRET_ACCESS_KEY": self.identity.secret_key}
        return {**self.server.environment(), **keys}

    def _values(self) -> dict[str, str]:
        keys = {"access_key_id": self.identity.access_key, "secret_access_key": self.identity.secret_key}
        return {"endpointurl": self.server.endpoint_url, "region": self.server.region, **keys}

    def options(self, prefix: str) -> S3Options:
        return S3Options.of("storage", f"s3://{self.bucket}/{prefix}", self._values())

    def remote(self, prefix: str) -> S3Remote:
        return S3Remote(f"s3://{self.bucket}/{prefix}", self._values())


@pytest.fixture
def bucket(s3_server: Server) -> str:
    return s3_server.make_bucket()


def test_a_repository_on_the_teams_own_prefix(
    s3_server: Server, bucket: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """init, commit, push, a clone with `dvc pull`, and a checkout: with the team's rights alone."""
    for name, value in Team(s3_server, bucket).environment.items():
        monkeypatch.setenv(name, value)
    url = f"s3://{bucket}/vision/resnet"
    shell.cpv("init", "resnet", "--team-name", "vision", "--remote", url)
    model = Shell(shell.path / "resnet")
    first = model.md5("model.bin")
    model.write("model.bin", bytes(PART + 1))  # sent in parts
    model.git("commit", "-qm", "large")
    model.git("init", "-q", "--bare", "../host.git")
    model.git("push", "-q", "../host.git", "main")
    assert model.cpv("sync").text == ""
    shell.git("clone", "-q", "host.git", "clone")
    clone = Shell(shell.path / "clone")
    clone.dvc("pull", "-q")
    assert clone.md5("model.bin") == model.md5("model.bin")
    clone.git("checkout", "-q", "HEAD^")
    clone.dvc("pull", "-q")
    assert clone.md5("model.bin") == first
    assert all(key.startswith("vision/resnet/files/md5/") for key in s3_server.keys(bucket))


def test_the_probe_of_team_and_model(s3_server: Server, bucket: str) -> None:
    team = Team(s3_server, bucket)
    for prefix in ("vision", "vision/resnet"):
        probe(team.options(prefix), new_key(prefix))
    assert s3_server.keys(bucket) == {}


def test_nothing_of_another_teams(s3_server: Server, bucket: str, tmp_path: Path) -> None:
    s3_server.client().put_object(Bucket=bucket, Key="speech/m/files/md5/aa/" + "a" * 30, Body=b"theirs")
    s3_server.client().put_object(Bucket=bucket, Key="visionary/x", Body=b"theirs")
    before, team = s3_server.keys(bucket), Team(s3_server, bucket)
    remote = team.remote("speech/m")
    path = tmp_path / "x"
    path.write_bytes(b"x")
    blob = Blob("9dd4e461268c8034f5c8564e155c67a6", path, 1)
    attempts: list[Any] = [
        lambda: remote.check(),
        lambda: remote.missing(["a" * 32]),
        lambda: remote.download("a" * 32, tmp_path / "out", Progress("x")),
        lambda: remote.upload([blob], Progress("x")),
        lambda: probe(team.options("speech"), new_key("speech")),
        lambda: probe(team.options("visionary"), new_key("visionary")),
        lambda: probe_reading(team.options("speech"), new_key("speech")),
        lambda: team.remote("").check(),
    ]
    for attempt in attempts:
        with pytest.raises(RemoteError, match="access denied"):
            attempt()
    assert s3_server.keys(bucket) == before


def test_checkpoints_cannot_be_removed_unless_that_is_asked_for(s3_server: Server, bucket: str) -> None:
    from botocore.exceptions import ClientError

    key = "vision/resnet/files/md5/aa/" + "a" * 30
    for rights, gone in (({}, False), ({"gc": True}, True)):
        s3_server.client().put_object(Bucket=bucket, Key=key, Body=b"ours")
        client = new_client(Team(s3_server, bucket, **rights).options("vision"))
        if gone:
            client.delete_object(Bucket=bucket, Key=key)
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                client.delete_object(Bucket=bucket, Key=key)
        assert (key not in s3_server.keys(bucket)) is gone


def test_who_may_only_read_reads_and_cannot_write(s3_server: Server, bucket: str) -> None:
    s3_server.client().put_object(Bucket=bucket, Key="vision/x", Body=b"ours")
    reader = Team(s3_server, bucket, read_only=True)
    probe_reading(reader.options("vision"), new_key("vision"))
    reader.remote("vision").check()
    with pytest.raises(RemoteError, match=r"access denied \(s3:PutObject\)"):
        probe(reader.options("vision"), new_key("vision"))


# The command


def test_the_command_prints_json_and_applies_nothing(shell: Shell) -> None:
    shown = shell.cpv("access", "--team-name", "vision", "--read-only").out
    assert json.loads(shown) == policy("vmo-model-checkpoints", "vision", read_only=True)
    assert "dvc cpv access --team-name vision --read-only" in shell.cpv("access", "--help").out


def test_the_command_takes_team_and_bucket_from_the_repository(make_repo: MakeRepo) -> None:
    repo = make_repo(install=False, remote="s3://models/vision/resnet")
    assert json.loads(repo.cpv("access").out) == policy("models", "vision")


def test_the_command_in_one_line_where_no_team_is_known(shell: Shell) -> None:
    done = shell.cpv("access", status=1)
    assert done.text == "cpv: the team's name is missing; fix: dvc cpv access --team-name NAME\n"
