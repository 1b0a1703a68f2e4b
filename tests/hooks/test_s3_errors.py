"""Errors that no server here gives: the answers are AWS's own, as botocore raises them."""

from __future__ import annotations

import pytest
from botocore import exceptions as aws

from cpv_hooks.remote.s3_client.s3_errors import explain_s3
from cpv_hooks.remote.s3_client.s3_options import S3Options

OPTIONS = S3Options.of("storage", "s3://bucket/vision", {"profile": "team"})


def answer(code: str, operation: str = "PutObject", **more: object) -> aws.ClientError:
    return aws.ClientError({"Error": {"Code": code, "Message": "Text."}, **more}, operation)  # type: ignore[typeddict-item]


REGION = {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": "eu-west-1"}}}
CONFIGURE = (
    "aws configure --profile team, or dvc remote modify --local storage access_key_id ID (and secret_access_key)"
)
LOGIN = "aws sso login --profile team (or put fresh keys where the old ones are), then dvc cpv sync"


@pytest.mark.parametrize(
    ("error", "what", "fix"),
    [
        (answer("ExpiredToken"), "the AWS session has expired", LOGIN),
        (aws.UnauthorizedSSOTokenError(), "the AWS session has expired", LOGIN),
        (aws.TokenRetrievalError(provider="sso", error_msg="x"), "the AWS session has expired", LOGIN),
        (
            answer("RequestTimeTooSkewed"),
            "this machine's clock is wrong, so S3 refuses its requests",
            "sudo timedatectl set-ntp true",
        ),
        (
            answer("PermanentRedirect", **REGION),
            "the bucket is in another region (it is in eu-west-1)",
            "dvc remote modify storage region eu-west-1",
        ),
        (
            answer("AuthorizationHeaderMalformed"),
            "the bucket is in another region",
            "dvc remote modify storage region REGION",
        ),
        (
            answer("AccessDenied", "CreateMultipartUpload"),
            "access denied (s3:PutObject)",
            "ask the bucket's owner for s3:PutObject on bucket/vision",
        ),
        (answer("SlowDown"), "the server is in trouble (SlowDown)", "wait a little, then dvc cpv sync"),
        (
            answer("InsufficientStorage"),
            "the server takes no more data (InsufficientStorage)",
            "free space there, then dvc cpv sync",
        ),
        (
            answer("InvalidObjectState", "GetObject"),
            "the object is in an archive tier",
            "aws s3api restore-object --bucket bucket, then dvc cpv sync",
        ),
        (answer("Odd", "GetObject"), "GetObject failed: Odd: Text.", "dvc cpv sync"),
        (
            aws.ConnectTimeoutError(endpoint_url="https://x"),
            "AWS does not answer",
            "check the network, then dvc cpv sync",
        ),
        (aws.ReadTimeoutError(endpoint_url="https://x"), "AWS does not answer", "check the network, then dvc cpv sync"),
        (
            aws.CredentialRetrievalError(provider="custom-process", error_msg="it said no"),
            "no AWS credentials: Error when retrieving credentials from custom-process: it said no",
            CONFIGURE,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_cause_is_one_line_with_its_mending(error: Exception, what: str, fix: str) -> None:
    assert str(explain_s3(error, OPTIONS)) == f"s3://bucket/vision: {what}; fix: {fix}"


def test_a_secret_in_an_error_is_masked() -> None:
    options = S3Options.of("storage", "s3://bucket", {"secret_access_key": "hunter2hunter2"})
    line = str(explain_s3(aws.CredentialRetrievalError(provider="x", error_msg="key hunter2hunter2"), options))
    assert "hunter2" not in line
    assert "hunter2" not in repr(options)


SETUP = "dvc cpv aws-config"


@pytest.mark.parametrize(
    ("error", "values", "fix"),
    [
        (answer("NoSuchBucket"), {}, f"aws s3 mb s3://bucket, or {SETUP} --bucket BUCKET"),
        (answer("PermanentRedirect", **REGION), {}, f"{SETUP} --region eu-west-1"),
        (ValueError("Invalid endpoint: x"), {}, f"{SETUP} --endpoint-url https://HOST"),
        (aws.SSLError(endpoint_url="https://x", error="y"), {}, f"export AWS_CA_BUNDLE=CA_FILE, then {SETUP}"),
        (aws.NoCredentialsError(), {}, f"aws configure, or {SETUP} --credential-path FILE"),
        (answer("InvalidAccessKeyId"), {}, f"aws configure, then {SETUP}"),
        (answer("SignatureDoesNotMatch"), {"profile": "team"}, f"aws configure --profile team, then {SETUP}"),
        (
            answer("SignatureDoesNotMatch"),
            {"profile": "team", "credentialpath": "/keys"},
            f"correct profile team in /keys, then {SETUP}",
        ),
    ],
)
def test_while_it_is_set_up_the_mending_is_the_setups(error: Exception, values: dict[str, str], fix: str) -> None:
    options = S3Options.of("storage", "s3://bucket/vision", values, command=SETUP)
    assert str(explain_s3(error, options)).endswith(f"; fix: {fix}")


def test_keys_of_the_environment_are_mended_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    options = S3Options.of("storage", "s3://bucket", {})
    line = str(explain_s3(answer("SignatureDoesNotMatch"), options))
    assert line.endswith("; fix: export the right AWS_SECRET_ACCESS_KEY, then dvc cpv sync")
