"""Messages to people through Apprise (https://github.com/caronc/apprise): Slack, Teams, mail and a hundred others."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cpv_hooks.accounts.personal.schema import LOOPBACK
from cpv_hooks.errors import CPVError

_NO_PROXY = "no_proxy"
FIX = "pip install 'dvc-cpv[notify]'"
SEPARATOR = re.compile(r",(?=[A-Za-z][\w+.-]*://)")
"""Between two addresses."""
# Of Apprise's JSON only the text is sent, under the name that Slack, Mattermost and most others take.
_AS_TEXT = ":message=text&:title=&:version=&:attachments=&:type="


def send_by_apprise(address: str, title: str, text: str) -> None:
    """Send a message to one address, or several joined by commas. Raises `OSError`; `CPVError` without Apprise."""
    try:
        import apprise
    except ImportError as error:
        raise CPVError("notify.url needs Apprise, which is not installed", fix=FIX) from error

    asset = apprise.AppriseAsset(app_id="CPV", app_desc="CPV", http_redirects=False, async_mode=False)
    with _listening() as heard:
        reasons = [_send_one(apprise, asset, one, title, text, heard) for one in SEPARATOR.split(address)]
    failed = [reason for reason in reasons if reason is not None]
    if failed:
        raise OSError("; ".join(failed))


def _send_one(apprise: Any, asset: Any, address: str, title: str, text: str, heard: _Heard) -> str | None:
    """Why it was not sent, or None."""
    web = urlsplit(address)
    service = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    if service is None and web.scheme in ("http", "https"):
        service = apprise.Apprise.instantiate(_as_json(address), asset=asset, suppress_exceptions=True)
        title, text = "", f"{title}\n{text}"
    if service is None:
        return f"Apprise knows no address of {web.scheme}:// of this form"
    heard.last = ""
    with _without_proxy() if web.hostname in LOOPBACK else nullcontext():
        sent = service.notify(body=text, title=title)
    return None if sent else heard.last or "it was not sent"


@contextmanager
def _without_proxy() -> Iterator[None]:
    """This machine is asked without a proxy; that is no setting of Apprise's."""
    before = os.environ.get(_NO_PROXY)
    os.environ[_NO_PROXY] = "*"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_NO_PROXY]
        else:
            os.environ[_NO_PROXY] = before


def _as_json(url: str) -> str:
    """The address of a webhook that is nobody's whom Apprise knows."""
    parts = urlsplit(url)
    # What goes into the request's own query has a minus in front.
    query = urlencode([(f"-{key}", value) for key, value in parse_qsl(parts.query, keep_blank_values=True)])
    scheme = "jsons" if parts.scheme == "https" else "json"
    return f"{scheme}://{parts.netloc}{parts.path}?{query}{'&' if query else ''}{_AS_TEXT}"


class _Heard(logging.Handler):
    """Apprise says why only in its log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = " ".join(record.getMessage().split())


@contextmanager
def _listening() -> Iterator[_Heard]:
    """Hear what Apprise logs, and nobody else: it logs addresses in full."""
    heard, logger = _Heard(), logging.getLogger("apprise")
    before = logger.propagate
    logger.addHandler(heard)
    logger.propagate = False
    try:
        yield heard
    finally:
        logger.propagate = before
        logger.removeHandler(heard)
