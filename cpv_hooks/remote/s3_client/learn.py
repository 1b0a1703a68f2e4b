"""Learning from boto3 how it would store and read objects: two requests that it makes and that are never sent.

They say where objects are, and with which headers they are stored or read. Not all that is asked of boto3 is public;
where a release of it has other names, or signs in another way, everything is left to boto3.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from cpv_hooks.remote.s3_client.key_requests import Service
from cpv_hooks.remote.s3_client.request_signing import UNSIGNED, Keys, Pattern, Way

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SWITCH = "CPV_S3_CLIENT"
_CHANGING = frozenset({"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"})


def turned_off() -> str | None:
    """Why the environment leaves everything to boto3, if it does."""
    value = os.environ.get(SWITCH, "")
    return f"{SWITCH}={value}" if value.lower() == "boto3" else None


def learn(client: S3Client, place: dict[str, Any], storage: dict[str, Any]) -> Way | None:
    """What boto3 would do with the stand-in: `place` are its parameters for that object, `storage` those for storing.

    None where it can only be left to boto3.
    """
    try:
        session: Any = client
        frozen = session._request_signer._credentials.get_frozen_credentials()
        keys = Keys(frozen.access_key, frozen.secret_key, frozen.token or None)
        store = _pattern(_caught(client, "PUT", place, storage), keys, place["Key"])
        read = _pattern(_caught(client, "GET", place, {}), keys, place["Key"])
        return Way(store, read, keys, trust_of(session)) if store and read else None
    except AttributeError:
        return None


def _pattern(request: Any, keys: Keys, key: str) -> Pattern | None:
    if request is None:
        return None
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    scheme, _, rest = headers.get("authorization", "").partition(" Credential=")
    access_key, *scope = rest.partition(",")[0].rsplit("/", 4)
    url = urlsplit(request.url)
    if scheme != "AWS4-HMAC-SHA256" or scope[2:] != ["s3", "aws4_request"]:
        return None
    kept = {name: value for name, value in headers.items() if name.startswith("x-amz-") and name not in _CHANGING}
    is_same = access_key == keys.access_key and url.path.endswith(f"/{quote(key, safe='/~')}")
    if not is_same or url.query or any("checksum" in name for name in kept):
        return None
    signs_body = headers.get("x-amz-content-sha256") != UNSIGNED
    return Pattern(request.url, key, kept, signs_body, headers.get("user-agent", ""), scope[1])


def services_of(credentials: Any) -> dict[str, Service]:
    """The services that boto3 asks for these credentials, and for those that it asks with.

    `AttributeError` where a release of it has other names.
    """
    if credentials.method not in ("sso", "assume-role", "assume-role-with-web-identity"):
        return {}
    # A method of what fetches them; a code for MFA is asked for by a mere function.
    fetcher = credentials._refresh_using.__self__
    if credentials.method == "sso":
        return {"sso": _portal(fetcher)}
    client = fetcher._client_creator("sts", aws_access_key_id="-", aws_secret_access_key="-")  # noqa: S106 - never sent
    url, _, query = client.generate_presigned_url("get_caller_identity").partition("?")
    region = parse_qs(query)["X-Amz-Credential"][0].split("/")[2]
    source = getattr(fetcher, "_source_credentials", None)
    return {**(services_of(source) if source else {}), "sts": Service(url, region, trust_of(client))}


def _portal(fetcher: Any) -> Service:
    from botocore import UNSIGNED
    from botocore.config import Config

    config = Config(signature_version=UNSIGNED, region_name=fetcher._sso_region)
    client = fetcher._client_creator("sso", config=config)
    stand_in = {"roleName": "-", "accountId": "-", "accessToken": "-"}
    url = client.generate_presigned_url("get_role_credentials", stand_in)
    return Service(url.partition("/federation/")[0], "", trust_of(client))


def trust_of(client: Any) -> str | None:
    """What boto3 trusts; None for the user's `ssl_verify = false`."""
    from botocore.httpsession import get_cert_path

    verify = client._endpoint.http_session._verify
    return str(get_cert_path(verify)) if verify else None


def _caught(client: Any, method: str, place: dict[str, Any], storage: dict[str, Any]) -> Any:
    """The request that boto3 would send for the stand-in; it is never sent."""
    from botocore.awsrequest import AWSResponse

    operation = {"PUT": "PutObject", "GET": "GetObject"}[method]
    caught: list[Any] = []
    no_headers: Any = {}
    thread = threading.get_ident()

    def catch(request: Any, **_: Any) -> Any:
        if threading.get_ident() != thread:
            return None
        request.is_kept_back = True  # so that nobody is told of it
        caught.append(request)
        return AWSResponse(request.url, 200, no_headers, _NOTHING)

    events, name = client.meta.events, f"before-send.s3.{operation}"
    events.register_first(name, catch)
    try:
        if method == "PUT":
            client.put_object(**place, **storage, Body=b"", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
        else:
            client.get_object(**place)
    finally:
        events.unregister(name, catch)
    return caught[0] if caught else None


class _Nothing:
    """The body of an answer that nobody gave."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        return iter(())

    def read(self, *_: Any, **__: Any) -> bytes:
        return b""


_NOTHING = _Nothing()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
