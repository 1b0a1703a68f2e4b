"""The proxy that a server is reached through, as boto3 finds it: by the variables of the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cpv_hooks.console.redact import redact
from cpv_hooks.errors import shell_word
from cpv_hooks.named_tuple import NamedTuple

if TYPE_CHECKING:
    from cpv_hooks.remote.s3_client.s3_options import S3Options


class Proxy(NamedTuple):
    """A proxy's URL, and the variable that names it."""

    url: str
    variable: str

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port; None where the URL has none."""
        parts = urlsplit(self.url if "://" in self.url else f"http://{self.url}")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return None
        return (parts.hostname, port) if parts.hostname else None


def proxy_for(endpoint: str) -> Proxy | None:
    """The proxy that requests to an endpoint go through."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(endpoint if "://" in endpoint else "https://s3.amazonaws.com")
    url = getproxies().get(parts.scheme)
    if not url or not parts.hostname or proxy_bypass(parts.hostname):
        return None
    variable = f"{parts.scheme}_proxy"
    return Proxy(url, variable if os.environ.get(variable) else variable.upper())


def dead_proxy(proxy: Proxy | None, endpoint: str, options: S3Options) -> tuple[str, str]:
    """What and fix for a proxy that lets nothing through."""
    if proxy is None:
        return "the proxy does not answer", f"unset HTTPS_PROXY and HTTP_PROXY, then {options.retry}"
    host = urlsplit(endpoint).hostname or "s3.amazonaws.com"
    what = f"the proxy {redact(proxy.url)} ({proxy.variable}) does not answer"
    return what, f"unset {proxy.variable}, or export NO_PROXY={shell_word(host)}, then {options.retry}"
