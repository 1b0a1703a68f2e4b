"""An HTTP request of CPV's own, outside of S3: sent once, to the server that was named and to no other."""

from __future__ import annotations

from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from cpv_hooks.accounts.personal.schema import LOOPBACK


class HTTPStatusError(OSError):
    """A server that answered with a status other than success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status


class _NoRedirect(HTTPRedirectHandler):
    """A signature or a token goes where the user said, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


def send_request(request: Request, seconds: float, *, limit: int = 0) -> bytes:
    """Send it and return up to `limit` bytes of the answer. Raises `OSError` with the reason."""
    proxies = [ProxyHandler({})] if urlsplit(request.full_url).hostname in LOOPBACK else []
    try:
        with build_opener(_NoRedirect, *proxies).open(request, timeout=seconds) as answer:
            data: bytes = answer.read(limit)
            return data
    except HTTPError as error:
        error.close()
        raise HTTPStatusError(error.code) from error
    except HTTPException as error:
        raise OSError(f"no HTTP answer ({type(error).__name__})") from error
