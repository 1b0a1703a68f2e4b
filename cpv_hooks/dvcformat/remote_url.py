"""What the URL of a DVC remote says by its scheme."""

from __future__ import annotations

PROVIDER_HOSTS = {
    "s3": None,
    "gs": "storage.googleapis.com",
    "gdrive": "www.googleapis.com",
    "azure": None,
    "oss": "oss.aliyuncs.com",
}
"""The schemes whose URLs name no server, because it is the provider's; with it where that is one for everybody."""


def url_scheme(url: str) -> str:
    """The scheme, in small letters; empty for a path."""
    return url.partition("://")[0].lower() if "://" in url else ""


def is_on_s3(url: str | None) -> bool:
    """Whether a remote with this URL is S3's."""
    return url is not None and url_scheme(url) == "s3"
