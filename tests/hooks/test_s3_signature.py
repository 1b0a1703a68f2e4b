"""A signature is the one that botocore would make, whatever the key, the query, the host or the headers."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from cpv_hooks.remote.s3_client import request_signing
from cpv_hooks.remote.s3_client.request_signing import STAND_IN, UNSIGNED, Keys, Pattern

HOSTS = [
    "s3.amazonaws.com",
    "b.s3.eu-west-1.amazonaws.com",
    "localhost:8333",
    "[::1]:9000",
    "[fe80::1]",
    "host:443",
    "Host:80",
    "10.0.0.1",
]
PREFIXES = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="/"), min_size=1, max_size=12)
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
OIDS = st.binary(min_size=16, max_size=16).map(bytes.hex)
QUERIES = st.dictionaries(
    st.sampled_from(["list-type", "prefix", "uploads", "uploadId", "partNumber", "max-keys", "continuation-token"]),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=10),
    max_size=3,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "content-md5",
            "range",
            "if-match",
            "x-amz-acl",
            "x-amz-request-payer",
            "x-amz-server-side-encryption",
            "x-amz-server-side-encryption-aws-kms-key-id",
            "x-amz-server-side-encryption-customer-algorithm",
            "x-amz-server-side-encryption-customer-key",
            "x-amz-server-side-encryption-customer-key-md5",
        ]
    ),
    TEXT,
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(
    host=st.sampled_from(HOSTS),
    scheme=st.sampled_from(["http", "https"]),
    prefixes=st.lists(PREFIXES, max_size=2),
    oid=OIDS,
    query=QUERIES,
    headers=HEADERS,
    token=st.none() | TEXT,
    secret=TEXT,
    body=st.binary(max_size=50),
    signs_body=st.booleans(),
    method=st.sampled_from(["GET", "PUT", "POST", "HEAD"]),
)
def test_a_signature_is_botocores(
    host: str,
    scheme: str,
    prefixes: list[str],
    oid: str,
    query: dict[str, str],
    headers: dict[str, str],
    token: str | None,
    secret: str,
    body: bytes,
    signs_body: bool,
    method: str,
) -> None:
    key = "/".join([*prefixes, "files/md5", STAND_IN[:2], STAND_IN[2:]])
    url = f"{scheme}://{host}/{quote(key, safe='/~')}"
    pattern = Pattern(url, key, {}, signs_body, "agent", "eu-west-1")
    path = pattern.path(oid)
    terms = "&".join(f"{name}={quote(query[name], safe='-_.~')}" for name in sorted(query))
    signed = pattern.signed(Keys("AKIAX", secret, token), method, path, terms, body, headers)
    moment = datetime.strptime(signed.headers["x-amz-date"], request_signing.MOMENT).replace(tzinfo=UTC)
    assert signed.headers["authorization"] == botocores(
        f"{scheme}://{host}{signed.target}", method, body, headers, secret, token, signs_body, moment
    )
    if token:
        assert signed.headers["x-amz-security-token"] == token


def botocores(
    url: str,
    method: str,
    body: bytes,
    headers: dict[str, str],
    secret: str,
    token: str | None,
    signs_body: bool,
    moment: datetime,
) -> str:
    """What botocore signs the request with, at the same second."""
    content = hashlib.sha256(body).hexdigest() if signs_body else UNSIGNED
    request: Any = AWSRequest(method=method, url=url, data=body, headers=headers)
    request.headers["X-Amz-Content-SHA256"] = content
    request.context["timestamp"] = moment.strftime(request_signing.MOMENT)
    if token:
        request.headers["X-Amz-Security-Token"] = token
    auth: Any = S3SigV4Auth(Credentials("AKIAX", secret, token), "s3", "eu-west-1")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    names = auth.signed_headers(auth.headers_to_sign(request))
    return f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={names}, Signature={signature}"
