"""What kind of failure it is that S3 answers or boto3 raises, by its code: whether another call may do instead."""

from __future__ import annotations

from typing import Any

from cpv_hooks.remote.s3_client.answers import NotS3, code_of

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "InvalidToken"})
LACKING = frozenset({"NotImplemented", "501", "405", "MethodNotAllowed"})
REGION = frozenset(
    {
        "301",
        "PermanentRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "TemporaryRedirect",
    }
)
DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "403", "Forbidden", "UnauthorizedAccess"})
BUSY = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "500", "502", "503", "504", "RequestTimeout"})
FULL = frozenset({"507", "InsufficientStorage", "XMinioStorageFull", "QuotaExceeded", "EntityTooLarge"})
# What says nothing of the call itself: another one would be answered in the same way, or this one a moment later.
_OF_ALL_CALLS = (
    EXPIRED
    | REGION
    | BUSY
    | FULL
    | {"InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "NoSuchBucket", "BadDigest"}
)
_CLIENTS = ("boto3", "botocore", "urllib3", "http")


def is_s3_error(error: BaseException) -> bool:
    """Whether boto3 raised this, or a library of its own over what a server sent; or a connection broke."""
    from ssl import SSLError

    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    broken = ConnectionError | TimeoutError | SSLError
    return isinstance(error, BotoCoreError | ClientError | Boto3Error | broken) or is_from_client(error)


def is_from_client(error: BaseException) -> bool:
    """Whether it was raised within boto3: not all that it cannot read becomes an error of its own."""
    if not isinstance(error, Exception) or isinstance(error, TypeError | AttributeError):
        return False
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    module = last.tb_frame.f_globals.get("__name__", "") if last is not None else ""
    return module.partition(".")[0] in _CLIENTS


def is_lacking(error: BaseException) -> bool:
    """Whether the server does not have the call; some answer it as if another had been asked."""
    return code_of(error) in LACKING or isinstance(error, NotS3)


def is_refused(error: BaseException) -> bool:
    """Whether the server does not take this very call, whatever it says: servers and proxies that know less than S3
    answer it with 400 or 403 as well.
    """
    response: Any = getattr(error, "response", None)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None
    return is_lacking(error) or (status in (400, 403) and code_of(error) not in _OF_ALL_CALLS)


def why_refused(error: BaseException, call: str, action: str) -> str:
    """Why a call that `is_refused` cannot be made, by its name and the permission that it needs."""
    if is_lacking(error):
        return f"the server has no {call}"
    code = code_of(error)
    return f"ask for {action} there" if code in DENIED else f"the server refuses {call}: {code}"
