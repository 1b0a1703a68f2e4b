"""What S3 and boto3 say when something fails, as one line that names the cause and the command that fixes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cpv_hooks.console.redact import redact
from cpv_hooks.errors import shell_word
from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.remote.s3_client.answers import code_of
from cpv_hooks.remote.s3_client.s3_error_codes import BUSY, DENIED, EXPIRED, FULL, LACKING, REGION, is_from_client

if TYPE_CHECKING:
    from cpv_hooks.remote.s3_client.s3_options import S3Options

# The permission that an operation needs, where the two have different names.
_ACTIONS = {
    "ListObjectsV2": "s3:ListBucket",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
}


def explain_s3(error: BaseException, options: S3Options) -> RemoteError:
    """The one line for an error that boto3 raised (or `ValueError`, for an endpoint that is no URL)."""
    from botocore.exceptions import ClientError

    what, fix = _of_server(error, options) if isinstance(error, ClientError) else _of_client(error, options)
    return RemoteError(redact(what), where=f"s3://{options.bucket}/{options.prefix}".rstrip("/"), fix=fix)


def no_bucket(options: S3Options) -> RemoteError:
    """The line for a bucket that does not exist."""
    what, fix = _no_bucket(options)
    return RemoteError(what, where=f"s3://{options.bucket}/{options.prefix}".rstrip("/"), fix=fix)


def _no_bucket(options: S3Options) -> tuple[str, str]:
    fix = f"aws s3 mb {shell_word(f's3://{options.bucket}')}, or {_other_bucket(options)}"
    return f"there is no bucket {options.bucket!r}", fix


def _other_bucket(options: S3Options) -> str:
    return options.change("url", "BUCKET" if options.command else "s3://BUCKET/PATH")


def _of_server(error: Any, options: S3Options) -> tuple[str, str]:
    from cpv_hooks.remote.s3_client.proxy import proxy_for

    code = code_of(error)
    if code in EXPIRED:
        return "the AWS session has expired", _login(options)
    if code == "InvalidAccessKeyId":
        return "the server does not know this access key", options.change_keys("access_key_id")
    if code == "SignatureDoesNotMatch":
        what = "the secret access key is wrong (the signature does not match)"
        return what, options.change_keys("secret_access_key")
    if code == "RequestTimeTooSkewed":
        return "this machine's clock is wrong, so S3 refuses its requests", "sudo timedatectl set-ntp true"
    if code == "NoSuchBucket":
        return _no_bucket(options)
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if code.startswith("3") and headers.get("location"):
        fix = f"look for a login page on the way to it, or {options.change('endpointurl', 'https://HOST')}"
        return f"{options.server} is not an S3 server: it redirects to {headers['location'][:200]}", fix
    if code in REGION:
        return _wrong_region(error, options)
    if code in DENIED:
        action = _ACTIONS.get(error.operation_name, f"s3:{error.operation_name}")
        fix = f"ask the bucket's owner for {action} on {options.bucket}/{options.prefix}"
        if options.server == "AWS" and action in ("s3:GetObject", "s3:ListBucket"):
            fix += " (for a bucket where the requester pays DVC has no option)"
        return f"access denied ({action})", fix
    if code in BUSY:
        return f"the server is in trouble ({code})", f"wait a little, then {options.retry}"
    if code in FULL:
        return f"the server takes no more data ({code})", f"free space there, then {options.retry}"
    if code == "InvalidObjectState":
        return (
            "the object is in an archive tier",
            f"aws s3api restore-object --bucket {shell_word(options.bucket)}, then {options.retry}",
        )
    if code == "407":
        proxy = proxy_for(options.server)
        named = f"{redact(proxy.url)} ({proxy.variable})" if proxy else options.server
        return f"the proxy {named} asks for a login", f"put USER:PASSWORD@ before its host, then {options.retry}"
    if code in LACKING:
        return f"{options.server} has no {error.operation_name}", f"ask for a server that has it, then {options.retry}"
    text = str(error.response.get("Error", {}).get("Message") or "no reason given")
    return f"{error.operation_name} failed: {code or 'unknown'}: {text}", options.retry


def _wrong_region(error: Any, options: S3Options) -> tuple[str, str]:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or error.response.get("Error", {}).get("Region") or "REGION"
    known = f" (it is in {region})" if region != "REGION" else ""
    return f"the bucket is in another region{known}", options.change("region", region)


def _login(options: S3Options) -> str:
    """What renews a session, by where boto3 found its keys."""
    from cpv_hooks.remote.s3_client.sources import renewal

    return f"{renewal(options)}, then {options.retry}"


def _of_client(error: BaseException, options: S3Options) -> tuple[str, str]:
    from botocore import exceptions as aws

    from cpv_hooks.remote.s3_client.http1_reply import NotHTTP
    from cpv_hooks.remote.s3_client.proxy import dead_proxy, proxy_for

    expired = (
        aws.SSOTokenLoadError,
        aws.UnauthorizedSSOTokenError,
        aws.TokenRetrievalError,
        aws.RefreshWithMFAUnsupportedError,
        # `aws login`, which older releases of botocore do not know.
        *filter(None, [getattr(aws, "LoginError", None)]),
    )
    profile = f" --profile {shell_word(options.profile)}" if options.profile else ""
    configure = f"aws configure{profile}, or {_give_keys(options)}"
    is_stale = isinstance(error, RuntimeError) and "credentials are still expired" in str(error)
    if isinstance(error, expired) or is_stale:
        return "the AWS session has expired", _login(options)
    if isinstance(error, aws.ProfileNotFound):
        return f"there is no AWS profile {options.profile!r}", configure
    if isinstance(error, aws.PartialCredentialsError) and error.kwargs.get("provider") == "env":
        lacking = error.kwargs.get("cred_var")
        return f"{lacking} is not set", f"export {lacking}=VALUE, then {options.retry}"
    named = isinstance(error, aws.NoCredentialsError) and options.get("credentialpath")
    if named and not options.credentials_file.exists():
        what = f"no AWS credentials: there is no file {options.credentials_file} (credentialpath)"
        return what, f"dvc remote modify --local {shell_word(options.name)} credentialpath FILE"
    if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError | aws.CredentialRetrievalError):
        return f"no AWS credentials: {_first_line(error)}", configure
    if isinstance(error, aws.SSLError):
        return f"no trusted connection: {_first_line(error)}", _trust(options)
    if isinstance(error, aws.ParamValidationError):
        return f"{options.bucket!r} is not a bucket's name", _other_bucket(options)
    if isinstance(error, aws.InvalidRegionError):
        return f"{_first_line(error)}", options.change("region", "REGION")
    if type(error) is ValueError and "endpoint" in str(error):
        return f"{_first_line(error)}", options.change("endpointurl", "https://HOST")
    silent = aws.EndpointConnectionError | aws.ConnectTimeoutError | aws.ReadTimeoutError | TimeoutError
    if isinstance(error, aws.ProxyConnectionError):
        return dead_proxy(proxy_for(options.server), options.server, options)
    if isinstance(error, (silent, ConnectionRefusedError)):
        return no_network(options.server, options)
    if isinstance(error, NotHTTP):
        what = f"{options.server} does not speak HTTP: {error}"
        return what, f"look for a proxy on the way to it, then {options.retry}"
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError | aws.IncompleteReadError | OSError):
        return _no_answer(error, options)
    if is_from_client(error) and not isinstance(error, aws.BotoCoreError):
        return _no_answer(error, options)
    return f"{type(error).__name__}: {_first_line(error)}", options.retry


def _give_keys(options: S3Options) -> str:
    if options.command:
        return f"{options.command} --credential-path FILE"
    return f"dvc remote modify --local {shell_word(options.name)} access_key_id ID (and secret_access_key)"


def _trust(options: S3Options) -> str:
    if options.command:
        return f"export AWS_CA_BUNDLE=CA_FILE, then {options.command}"
    return f"dvc remote modify {shell_word(options.name)} ssl_verify CA_FILE"


def _no_answer(error: BaseException, options: S3Options) -> tuple[str, str]:
    """What and fix for bytes that are no whole answer."""
    inner = getattr(error, "kwargs", {}).get("error") or error
    why = f"{type(inner).__name__}: {_first_line(inner)}"
    fix = f"look for a proxy on the way to it, check the endpointurl, then {options.retry}"
    return f"{options.server} gives no whole answer ({why[:200]})", fix


def no_network(endpoint: str, options: S3Options) -> tuple[str, str]:
    """What and fix for a server that does not answer."""
    fix = f"check the network{' and endpointurl' if options.get('endpointurl') else ''}, then {options.retry}"
    return f"{endpoint} does not answer", fix


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
