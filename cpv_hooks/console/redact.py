"""Keeping secrets out of what is printed or logged."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
from urllib.parse import quote

MASK = "***"
_ENVIRONMENT = (
    "SECRET",
    "SECRET_KEY",
    "SECRET_ACCESS",
    "SECRET_ACCESS_KEY",
    "TOKEN",
    "PASSWORD",
    "PASSPHRASE",
    "API_KEY",
)
_SHORTEST = 6
_LONG = 19
_WORD = re.compile(r"\w+(?:[.@-]\w+)*")
"""Words like this, and shorter than that, match none of the patterns below, unless one says that a token follows."""
_SCHEMES = ("bearer", "basic")

# Every repetition that may be tried from each place of the text has a bound: a long text costs linear time.
# `://user:password@host`. A password goes up to the last @ of the host's part; where it has a slash, as AWS's secret
# keys do, up to the next @, unless what stands there is a port and a path.
_URL_USER = r"(?<=://)([^/\s:@\"']{0,256}):(?:[^/\s\"']{1,4096}|(?:(?<=A[KS]IA.{17})|(?!\d{1,5}/))[^\s@\"']{1,4096})@"
# `https://token@host`: a user's name is no secret, and no name is that long.
_URL_LONG_USER = r"(?<=://)[^/\s:@\"']{20,4096}@"
_NAMES = (
    r"(?:secret[_-]?(?:access[_-]?)?(?:key)?|sse[_-]customer[_-]key|password|passwd|passphrase|api[_-]?key"
    r"|(?:access|auth|id|private|refresh|session|security)[_-]?token"
    r"|X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token))"
)
# Up to the same quote; looked ahead for and then taken whole, so that nothing is tried twice. A possessive repetition
# would say so in one word, but Python 3.11.0 to 3.11.4 match it wrongly (https://github.com/python/cpython/issues/100061).
_VALUE = r"(?:(\\?[\"'])(?=((?:(?!\2)[^\n])*))\3\2|[^\s\"',&}\\]+)"
_ASSIGNMENT = rf"(?i)({_NAMES}(?:\\?[\"'])?\s{{0,8}}[=:]\s{{0,8}}){_VALUE}"
_OPTION = rf"(?i)((?<![\w-])--?(?:\w{{1,32}}-){{0,4}}{_NAMES}\s{{1,8}})(?!-){_VALUE}"
_QUERY = r"((?:[?&](?:sig|Signature|AWSAccessKeyId|token|key)|\bAccountKey|:_authToken)=\s{0,8})[^\s&\"']+"
_HEADER = r"(?i)\b((?:proxy-)?authorization\\?[\"']?\s{0,8}[:=]\s{0,8}\\?[\"']?)[^\r\n\"'\\]+"
_SCHEME = rf"(?i)\b((?:{'|'.join(_SCHEMES)})\s{{1,8}})(?=[A-Z._~+/=-]{{0,4096}}[0-9])[\w.~+/=-]{{12,}}"
_LABEL = r"(?:[A-Z0-9]{1,16} ){0,2}PRIVATE KEY-----"
_PRIVATE_KEY = rf"(?s)(-----BEGIN {_LABEL}).*?(-----END {_LABEL}|\Z)"
# The id of an AWS key is no secret, but its first and last letters are enough to know it by.
_KEY_ID = r"\b(A[KS]IA)[A-Z0-9]{12}([A-Z0-9]{4})\b"
# Tokens that show what they are: of Git hosts, package indexes, chats, model hubs, payment and mail services, and JSON
# Web Tokens. The marks are those that https://github.com/Yelp/detect-secrets knows.
_MARKED = (
    r"(?<!\w)(?:(gh[pousr]_|github_pat_|gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|GR1348941|xox[abeoprs]-|hf_|AT[AC]TT3?"
    r"|pypi-AgE|npm_(?=[A-Za-z0-9]{36}(?!\w))|sk-(?:ant-|proj-|(?=[\w-]{0,200}T3BlbkFJ))|[rs]k_live_|sq0csp-|SG\.(?=[\w-]{22}\.))[A-Za-z0-9_=.-]{16,4096}"
    r"|(eyJ)[\w-]{8,4096}\.[\w-]{8,8192}\.[\w-]{8,4096})"
)
# A bot's id is no secret: of Telegram's `ID:SECRET`, Discord's `ID.TIME.SECRET`, and Twilio's keys.
_BOT_KEY = r"(\d{8,10}:)[\w-]{35}|([MNO][\w-]{23,25}\.)[\w-]{6}\.[\w-]{27,38}|(SK)[0-9a-f]{32}|()[0-9a-z]{32}-us\d{1,2}"
_BOT = rf"(?<!\w)(?:{_BOT_KEY})(?![\w-])"
_WEBHOOK = (
    r"(?i)(https?://(?:hooks\.slack\.com/|[\w.-]{0,253}webhook[\w.-]{0,253}/|[\w.:-]{1,253}/(?:[\w-]{1,64}/){0,4}webhooks?/"
    r"|[\w.:-]{1,253}/hooks/(?=[\w-]{16})))[^\s\"']+"
)
_known: set[str] = set()


def hide(secret: str | None) -> None:
    """Never print this value in this process."""
    if secret and len(secret) >= _SHORTEST:
        _known.update((secret, quote(secret, safe="")))


def redact(text: str) -> str:
    """The text with every known or recognisable secret masked."""
    for secret in sorted(_known.union(_from_environment()), key=len, reverse=True):
        text = text.replace(secret, MASK)
    if all(len(word) < _LONG and _WORD.fullmatch(word) for word in text.split()) and not _names_scheme(text.lower()):
        return text
    for pattern, masked in _rules():
        text = pattern.sub(masked, text)
    return text


def _names_scheme(text: str) -> bool:
    return any(scheme in text for scheme in _SCHEMES)


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]:
    """What is looked for and what takes its place, in this order. To compile them takes longer than to load this file,
    and most lines are a few short words."""
    rules: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
        (_PRIVATE_KEY, rf"\1{MASK}\2"),
        (_URL_USER, rf"\1:{MASK}@"),
        (_URL_LONG_USER, f"{MASK}@"),
        (_WEBHOOK, rf"\1{MASK}"),
        (_MARKED, lambda found: f"{found[1] or found[2]}{MASK}"),
        (_BOT, lambda found: f"{found[1] or found[2] or found[3] or ''}{MASK}"),
        (_HEADER, rf"\1{MASK}"),
        (_SCHEME, rf"\1{MASK}"),
        (_ASSIGNMENT, _masked),
        (_OPTION, _masked),
        (_QUERY, rf"\1{MASK}"),
        (_KEY_ID, rf"\1{MASK}\2"),
    ]
    return tuple((re.compile(pattern), masked) for pattern, masked in rules)


def _masked(found: re.Match[str]) -> str:
    """The name as it stands, and the mask between the value's quotes."""
    mark = found[2] or ""
    return f"{found[1]}{mark}{MASK}{mark}"


def _from_environment() -> list[str]:
    values = [os.environ[name] for name in os.environ if name.endswith(_ENVIRONMENT)]
    # A path is where a secret lies, not the secret.
    return [value for value in values if len(value) >= _SHORTEST and not value.startswith("/")]
