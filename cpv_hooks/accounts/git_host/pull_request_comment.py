"""`python -m cpv_hooks.accounts.git_host.pull_request_comment HOST FILE`: one comment on a pull request, kept current.

For CI: the environment says which pull request it is. A later run replaces the comment of the run before.

- `github`: https://docs.github.com/en/rest/issues/comments
- `bitbucket`: https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request

from cpv_hooks.accounts.personal.http_request import HTTPStatusError, send_request
from cpv_hooks.console.output import say, warn
from cpv_hooks.console.redact import hide
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple

MARK = "[dvc cpv]: # (comment)"
"""The first line of the comment, by which the next run finds it: Markdown that shows nothing."""
_MAX_TEXT = 32_000  # characters: Bitbucket's limit is the lower one
_MAX_ANSWER = 16 << 20
_SECONDS = 30
_REFUSED = (401, 403, 404)


class PullRequest(NamedTuple):
    """Where its comments are, and what to send with a request. `path` is the way to the text of a comment."""

    comments: str
    one: str
    replace: str
    path: tuple[str, ...]
    headers: Mapping[str, str]


def github(env: Mapping[str, str]) -> PullRequest:
    """As the runner's environment says, with `CPV_PULL_REQUEST` and `GITHUB_TOKEN`."""
    base = f"{_given(env, 'GITHUB_API_URL')}/repos/{_given(env, 'GITHUB_REPOSITORY')}/issues"
    comments = f"{base}/{quote(_given(env, 'CPV_PULL_REQUEST'))}/comments?per_page=100"
    headers = {"Authorization": f"Bearer {_secret(env, 'GITHUB_TOKEN')}", "Accept": "application/vnd.github+json"}
    return PullRequest(comments, f"{base}/comments/", "PATCH", ("body",), headers)


def bitbucket(env: Mapping[str, str]) -> PullRequest:
    """As the pipeline's environment says, with `BITBUCKET_TOKEN` (or `USER:APP_PASSWORD`)."""
    api = env.get("BITBUCKET_API_URL") or "https://api.bitbucket.org/2.0"
    name = _given(env, "BITBUCKET_REPO_FULL_NAME")
    base = f"{api}/repositories/{name}/pullrequests/{quote(_given(env, 'BITBUCKET_PR_ID'))}/comments"
    token = _secret(env, "BITBUCKET_TOKEN")
    login = f"Basic {base64.b64encode(token.encode()).decode()}" if ":" in token else f"Bearer {token}"
    return PullRequest(f"{base}?pagelen=100", f"{base}/", "PUT", ("content", "raw"), {"Authorization": login})


HOSTS = {"github": github, "bitbucket": bitbucket}


def put_comment(request: PullRequest, text: str) -> None:
    """Write the comment, or replace the one of the run before. Raises `OSError`."""
    found = _ask(request, request.comments)
    rows = found.get("values", []) if isinstance(found, dict) else found
    ours = next((row["id"] for row in rows if str(_text(request, row)).startswith(MARK)), None)
    if len(text) > _MAX_TEXT:
        text = text[:_MAX_TEXT].rpartition("\n")[0] + "\n\n… the rest is in the log."
    body: Any = f"{MARK}\n\n{text}"
    for key in reversed(request.path):
        body = {key: body}
    if ours is None:
        _ask(request, request.comments.partition("?")[0], "POST", body)
    else:
        _ask(request, f"{request.one}{ours}", request.replace, body)


def _text(request: PullRequest, row: Any) -> Any:
    for key in request.path:
        row = row.get(key, {}) if isinstance(row, dict) else {}
    return row


def _ask(request: PullRequest, url: str, method: str = "GET", body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {**request.headers, "Content-Type": "application/json", "User-Agent": "dvc-cpv"}
    asked = Request(url, data, headers, method=method)  # noqa: S310 - the address is the CI's own
    return json.loads(send_request(asked, _SECONDS, limit=_MAX_ANSWER) or b"{}")


def _given(env: Mapping[str, str], name: str) -> str:
    if not env.get(name):
        raise CPVError(f"{name} is not set", where="the environment", fix=f"set {name}, as docs/ci.md says")
    return env[name]


def _secret(env: Mapping[str, str], name: str) -> str:
    hide(_given(env, name))
    return env[name]


def main(argv: list[str]) -> int:
    """See above. A host that takes no comment is a line and no failure: a fork has a token that only reads."""
    try:
        request = HOSTS[argv[0]](os.environ)
        put_comment(request, Path(argv[1]).read_text(encoding="utf-8"))
    except CPVError as error:
        warn(str(error))
        return 1
    except (OSError, ValueError) as error:
        refused = isinstance(error, HTTPStatusError) and error.status in _REFUSED
        why = "the token may not comment on this pull request" if refused else "no comment on the pull request"
        warn(f"{why} ({error}); the comparison is in the log")
        return 0
    say("commented on the pull request")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
