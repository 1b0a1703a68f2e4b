"""An event as CloudEvents 1.0 writes it, and in words for people.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from cpv_hooks.console.redact import redact
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple

_WORDS = {
    "tagged": "was tagged",
    "uploaded": "was uploaded",
    "upload_failed": "could not be uploaded",
    "promoted": "was promoted",
    "retired": "was retired",
    "batch_done": "batch is done",
}


class About(NamedTuple):
    """Where something happened, and what is known of it."""

    source: str
    data: Mapping[str, object]


def about(root: Path, kind: str, subject: str | None, data: Mapping[str, object]) -> About:
    """What Git and the settings know about the repository and the version; what cannot be read is left out."""
    found: dict[str, object] = dict(data)
    source = root.as_uri()
    with suppress(CPVError):
        repo = Repo.discover(root)
        source = _source(repo)
        found |= _model(repo)
        if subject is not None:
            found |= _version(repo, subject)
        commits = data.get("commits")
        if isinstance(commits, list):
            found["tags"] = _tags_of(repo, [str(commit) for commit in commits])
    return About(source, found)


def cloud_event(about: About, kind: str, subject: str | None, ident: str, moment: float) -> dict[str, Any]:
    """The event, as its JSON has it."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": ident,
        "source": about.source,
        "type": f"dvc-cpv.{kind}",
        "time": datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds"),
        "datacontenttype": "application/json",
        "data": dict(about.data),
    }
    if subject is not None:
        event["subject"] = subject
    return event


def words(event: Mapping[str, Any]) -> tuple[str, str]:
    """A title and a text for people."""
    data, kind = event["data"], str(event["type"]).rpartition(".")[2]
    model = "/".join(str(data[key]) for key in ("team", "model") if data.get(key)) or event["source"]
    what = (
        event.get("subject")
        or ", ".join(data.get("tags") or [])
        or ", ".join(str(commit)[:10] for commit in (data.get("commits") or [])[:3])
    )
    title = " ".join(filter(None, [f"{model}:", what, _WORDS.get(kind, kind)]))
    shown = ("error", "stage", "command", "succeeded", "failed", "commit")
    lines = [f"{key}: {data[key]}" for key in shown if data.get(key) not in (None, "")]
    metrics = data.get("metrics")
    if isinstance(metrics, Mapping) and metrics:
        lines.append(", ".join(f"{key} {value}" for key, value in metrics.items()))
    return title, redact("\n".join(lines) or title)


def _source(repo: Repo) -> str:
    """The repository's address, without a user's name or password; its folder's where it has none."""
    url = repo.config("remote.origin.url") or ""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https", "ssh", "git") and parts.hostname:
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}{quote(parts.path)}"
    host, colon, path = url.rpartition("@")[2].partition(":")
    if colon and "/" not in host and not url.startswith("/"):
        return f"ssh://{host}/{quote(path.lstrip('/'))}"
    return repo.top.as_uri()


def _model(repo: Repo) -> dict[str, object]:
    from cpv_hooks.project.project import Project

    config = next((project.config for project in Project.find_all(repo)), None)
    return {"team": config.team, "model": config.model} if config else {}


def _version(repo: Repo, name: str) -> dict[str, object]:
    from cpv_hooks.metric_formats.metrics import metrics_for_json
    from cpv_hooks.versions import tag_refs

    found: dict[str, object] = {"tag": name, "commit": repo.resolve(f"{name}^{{commit}}")}
    for tag in tag_refs.read_tags(repo, name=name):
        found["metrics"] = metrics_for_json(dict(tag.info.metrics))
        found["line"] = str(tag.info.line) if tag.info.line else None
    return found


def _tags_of(repo: Repo, commits: list[str]) -> list[str]:
    from cpv_hooks.versions import tag_refs

    return [tag.name for commit in commits for tag in tag_refs.read_tags(repo, commit=commit)]
