"""The probe object, and what is said of each thing that can be wrong on the way to it."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cpv_hooks.accounts.aws.probe import new_key, probe, probe_bucket, probe_reading
from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.remote.s3_client.s3_options import S3Options
from support import canned
from support.canned import Answer, Canned
from support.identity import Identity, allowing, limited
from support.seaweed import Server

SETUP = "dvc cpv aws-config"
ALL = ("s3:ListBucket", "s3:PutObject", "s3:GetObject", "s3:DeleteObject")
PREFIX = "vision/resnet"


class Bucket:
    """A bucket, and the options with which it is reached."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.name = server.make_bucket()
        self.key = f"{PREFIX}/.cpv-probe-0123"

    def options(self, **changes: str | None) -> S3Options:
        values: dict[str, str | None] = {
            "endpointurl": self.server.endpoint_url,
            "access_key_id": self.server.access_key,
            "secret_access_key": self.server.secret_key,
            "region": self.server.region,
            **changes,
        }
        url = f"s3://{self.name}/{PREFIX}"
        return S3Options.of("storage", url, {key: value for key, value in values.items() if value}, command=SETUP)

    def of(self, identity: Identity) -> S3Options:
        return self.options(access_key_id=identity.access_key, secret_access_key=identity.secret_key)

    def allowed(self, *actions: str, prefix: str = "vision") -> S3Options:
        return self.of(limited(self.server, allowing(self.name, prefix, *actions)))

    def keys(self) -> list[str]:
        return list(self.server.keys(self.name))


@pytest.fixture
def bucket(s3_server: Server) -> Bucket:
    return Bucket(s3_server)


def line_of(options: S3Options, key: str, attempt: Callable[[S3Options, str], None] = probe) -> str:
    with pytest.raises(RemoteError) as caught:
        attempt(options, key)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_it_leaves_nothing_behind(bucket: Bucket) -> None:
    probe(bucket.options(), new_key(PREFIX))
    probe_reading(bucket.options(), new_key(PREFIX))
    probe_bucket(bucket.options())
    assert bucket.keys() == []


def test_keys_are_under_the_prefix_and_differ() -> None:
    assert new_key(PREFIX).startswith("vision/resnet/.cpv-probe-")
    assert new_key("").startswith(".cpv-probe-")
    assert new_key(PREFIX) != new_key(PREFIX)


# Permissions


def test_who_may_do_all_four_may_do_everything(bucket: Bucket) -> None:
    probe(bucket.allowed(*ALL), bucket.key)
    assert bucket.keys() == []


@pytest.mark.parametrize("lacking", ALL[:3])
def test_each_action_that_is_not_allowed_is_named(bucket: Bucket, lacking: str) -> None:
    options = bucket.allowed(*(action for action in ALL if action != lacking))
    assert line_of(options, bucket.key) == (
        f"s3://{bucket.name}/vision/resnet: access denied ({lacking}); fix: "
        f"ask the bucket's owner for {lacking} "
        f"on {bucket.name}/vision/resnet (dvc cpv access --team-name vision prints the whole policy)"
    )
    assert bucket.keys() == []


def test_several_are_named_together_and_another_teams_prefix_is_closed(bucket: Bucket) -> None:
    options = bucket.allowed(*ALL, prefix="speech")
    assert "access denied (s3:PutObject); fix: ask the bucket's owner" in line_of(options, bucket.key)
    options = bucket.allowed("s3:DeleteObject")
    assert ": access denied (s3:ListBucket, s3:PutObject); " in line_of(options, bucket.key)
    probe_bucket(options)


def test_a_probe_that_cannot_be_removed_is_named(bucket: Bucket) -> None:
    assert line_of(bucket.allowed(*ALL[:3]), bucket.key) == (
        f"s3://{bucket.name}/{bucket.key}: the probe object could not be removed: access denied (s3:DeleteObject); "
        f"fix: ask the bucket's owner for s3:DeleteObject on {bucket.name}/vision/resnet (dvc cpv access "
        f"--team-name vision prints the whole policy); then aws s3 rm s3://{bucket.name}/{bucket.key}"
    )
    assert bucket.keys() == [bucket.key]


def test_reading_alone(bucket: Bucket) -> None:
    probe_reading(bucket.allowed("s3:ListBucket", "s3:GetObject"), bucket.key)
    assert "access denied (s3:GetObject)" in line_of(bucket.allowed("s3:ListBucket"), bucket.key, probe_reading)
    assert "access denied (s3:ListBucket)" in line_of(bucket.allowed("s3:GetObject"), bucket.key, probe_reading)


# Everything else that can be wrong, on the real server


def test_no_credentials(bucket: Bucket) -> None:
    assert line_of(bucket.options(access_key_id=None, secret_access_key=None), bucket.key) == (
        f"s3://{bucket.name}/vision/resnet: no AWS credentials: Unable to locate credentials; fix: "
        "aws configure, or dvc cpv aws-config --credential-path FILE"
    )


def test_the_wrong_key_and_the_wrong_secret(bucket: Bucket, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    options = bucket.options(access_key_id=None, secret_access_key=None, credentialpath=str(file), profile="team")
    fix = f"fix: correct profile team in {file}, then dvc cpv aws-config"
    file.write_text(Identity("nobody", "anything").file("team"))
    assert line_of(options, bucket.key) == (
        f"s3://{bucket.name}/vision/resnet: the server does not know this access key; {fix}"
    )
    file.write_text(Identity(bucket.server.access_key, "wrong-secret").file("team"))
    assert line_of(options, bucket.key) == (
        f"s3://{bucket.name}/vision/resnet: the secret access key is wrong (the signature does not match); {fix}"
    )


def test_no_such_bucket_and_none_is_made(bucket: Bucket) -> None:
    options = S3Options.of("storage", "s3://no-such-bucket-here/x", bucket.options().values, command=SETUP)
    for attempt in (probe, probe_reading, lambda options, _: probe_bucket(options)):
        assert line_of(options, "x/.cpv-probe-1", attempt) == (
            "s3://no-such-bucket-here/x: there is no bucket 'no-such-bucket-here'; fix: "
            "aws s3 mb s3://no-such-bucket-here, or dvc cpv aws-config --bucket BUCKET"
        )


@pytest.mark.parametrize("hours", [2, -2])
def test_a_clock_that_is_wrong(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    import botocore.auth

    real = botocore.auth.get_current_datetime

    def shifted(*args: Any, **rest: Any) -> datetime.datetime:
        now: datetime.datetime = real(*args, **rest)
        return now + datetime.timedelta(hours=hours)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", shifted)
    assert line_of(bucket.options(), bucket.key) == (
        f"s3://{bucket.name}/vision/resnet: this machine's clock is wrong, so S3 refuses its requests; "
        "fix: sudo timedatectl set-ntp true"
    )


def test_no_network(bucket: Bucket) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        endpoint = f"http://localhost:{taken.getsockname()[1]}"
    assert line_of(bucket.options(endpointurl=endpoint), bucket.key) == (
        f"remote storage: {endpoint} does not answer; fix: check the network and endpointurl, then dvc cpv aws-config"
    )


def test_no_tls(bucket: Bucket) -> None:
    options = bucket.options(endpointurl=bucket.server.endpoint_url.replace("http:", "https:"))
    line = line_of(options, bucket.key)
    assert line.startswith(f"s3://{bucket.name}/vision/resnet: no trusted connection: SSL validation failed")
    assert line.endswith("; fix: export AWS_CA_BUNDLE=CA_FILE, then dvc cpv aws-config")


# What only AWS itself answers


def test_a_session_that_has_expired(bucket: Bucket) -> None:
    answer = canned.error(400, "ExpiredToken", "The provided token has expired.")
    with Canned(lambda method, path: answer) as server:
        options = bucket.options(endpointurl=server.url, session_token="a-token-of-yesterday")
        assert line_of(options, bucket.key) == (
            f"s3://{bucket.name}/vision/resnet: the AWS session has expired; fix: "
            "aws sso login (or put fresh keys where the old ones are), then dvc cpv aws-config"
        )


REGION = "<Region>eu-west-1</Region>"


@pytest.mark.parametrize(
    "answer",
    [
        canned.error(400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong", more=REGION),
        canned.error(301, "PermanentRedirect", headers={"x-amz-bucket-region": "eu-west-1"}),
    ],
    ids=["malformed", "redirect"],
)
def test_the_wrong_region(bucket: Bucket, answer: Answer) -> None:
    with Canned(lambda method, path: answer) as server:
        assert line_of(bucket.options(endpointurl=server.url), bucket.key) == (
            f"s3://{bucket.name}/vision/resnet: the bucket is in another region (it is in eu-west-1); "
            "fix: dvc cpv aws-config --region eu-west-1"
        )


def fake_s3(get: Answer, delete: Answer | None = None) -> Callable[[str, str], Answer]:
    """A bucket that takes a probe, and answers as it is told when that is read or removed."""
    listing = b"<ListBucketResult><KeyCount>1</KeyCount></ListBucketResult>"

    def answer(method: str, path: str) -> Answer:
        if "list-type=2" in path:
            return Answer(body=listing)
        return {"PUT": Answer(), "GET": get, "DELETE": delete or Answer(204)}[method]

    return answer


def test_a_server_that_gives_back_something_else(bucket: Bucket) -> None:
    with Canned(fake_s3(Answer(body=b"<html>log in first</html>"))) as server:
        assert line_of(bucket.options(endpointurl=server.url), bucket.key) == (
            f"s3://{bucket.name}/{bucket.key}: the server does not give back what was written; fix: "
            "look for a proxy on the way to it, then dvc cpv aws-config"
        )
        assert server.seen[-1] == ("DELETE", f"/{bucket.name}/{bucket.key}")


def test_it_is_removed_also_where_it_cannot_be_read(bucket: Bucket) -> None:
    with Canned(fake_s3(canned.error(409, "Odd", "No."))) as server:
        line = line_of(bucket.options(endpointurl=server.url), bucket.key)
        assert line == f"s3://{bucket.name}/vision/resnet: GetObject failed: Odd: No.; fix: {SETUP}"
        assert server.seen[-1] == ("DELETE", f"/{bucket.name}/{bucket.key}")


def test_where_neither_reading_nor_removing_works_both_are_said(bucket: Bucket) -> None:
    with Canned(fake_s3(canned.error(409, "Odd", "No."), canned.error(409, "Stuck", "Never."))) as server:
        line = line_of(bucket.options(endpointurl=server.url), bucket.key)
        assert "the probe object could not be removed: DeleteObject failed: Stuck: Never. after this: " in line
        assert "GetObject" in line
        assert line.endswith(f"; then aws s3 rm s3://{bucket.name}/{bucket.key}")
