"""The message of a tag: readable above, Git trailers below (`git interpret-trailers --parse --no-divider`).

Trailers, in the last paragraph::

    Cpv-Line: model
    Cpv-Automatic: true
    Cpv-Artifact: kind=model hash=0cc175b9c0f1b6a831c399e269772661 size=1 path="model.bin"
    Cpv-Metric: loss=0.25

A path and a text are JSON strings, and so is a metric's name that is not a plain word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache

from cpv_hooks.console.output import size_text
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import KINDS
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions.checkpoint import Checkpoint, CheckpointArtifact

_SHOWN = 20
# Texts, which `re` compiles when they are first asked for: a commit asks for few of them.
_WORD = r"[\w./:@-]+"
_TRAILER = r"(Cpv-[A-Za-z]+): (.*)"
_LINE = r"(?m)^Cpv-Line: (.*)$"
_OF_LINE, _METRIC = "Cpv-Line: ", "Cpv-Metric: "
_DECIMAL = r"-?(0|[1-9][0-9]{0,17})\.[0-9]+"
_LINES = {str(line): line for line in Line}
_ARTIFACT = r"kind=(\w+)(?: hash=(\S+))?(?: size=(\d{1,18}))?(?: nfiles=(\d{1,18}))? path=(\".*\")"


_NO_METRICS: Mapping[str, int | float | str] = {}


class TagInfo(NamedTuple):
    """What the message of a tag says; `line` is None in a tag that CPV did not write."""

    subject: str
    line: Line | None = None
    automatic: bool = False
    artifacts: tuple[CheckpointArtifact, ...] = ()
    metrics: Mapping[str, int | float | str] = _NO_METRICS


def write_tag_message(name: str, line: Line, checkpoint: Checkpoint, message: str | None, *, automatic: bool) -> str:
    """The message of the tag `name`; `message` takes the place of the commit's subject."""
    head = message.strip() if message else f"{name}: {checkpoint.subject}".rstrip(": ")
    body = "\n".join(_body(checkpoint))
    trailers = "\n".join(_trailers(line, checkpoint, automatic=automatic))
    return "\n\n".join(part for part in (head, body, trailers) if part) + "\n"


def parse_tag_message(text: str) -> TagInfo:
    """Read a message back; what is not one of ours, or malformed, is passed over."""
    text = _unsigned(text)
    lines = text.strip().split("\n")
    subject = lines[0]
    last = text.strip().split("\n\n")[-1]
    found = [match.groups() for line in last.split("\n") if (match := re.fullmatch(_TRAILER, line))]
    values: dict[str, list[str]] = {}
    for key, value in found:
        values.setdefault(key, []).append(value)
    line = next((Line(value) for value in values.get("Cpv-Line", []) if value in tuple(Line)), None)
    if line is None:
        return TagInfo(subject)
    artifacts = tuple(filter(None, map(_artifact, values.get("Cpv-Artifact", []))))
    metrics = dict(filter(None, map(parse_metric, values.get("Cpv-Metric", []))))
    return TagInfo(subject, line, values.get("Cpv-Automatic") == ["true"], artifacts, metrics)


def read_metrics(text: str) -> dict[str, int | float | str]:
    """The metrics that a message says, without the rest of it; none where it is not one of ours."""
    if _METRIC not in text:
        return {}
    last = _unsigned(text).strip().rpartition("\n\n")[2]
    is_ours, found = False, dict[str, int | float | str]()
    for line in last.split("\n"):
        if line.startswith(_METRIC):
            metric = parse_metric(line[len(_METRIC) :])
            if metric is not None:
                found[metric[0]] = metric[1]
        elif line.startswith(_OF_LINE):
            is_ours = is_ours or line[len(_OF_LINE) :] in _LINES
    return found if is_ours else {}


@cache
def _decimal() -> re.Pattern[str]:
    return re.compile(_DECIMAL)


def _unsigned(text: str) -> str:
    """Without a signature; nearly all have none, and a hook need not load what knows them."""
    if "-----BEGIN " not in text:
        return text
    from cpv_hooks.git.records import without_signature

    return without_signature(text)


def line_in_trailers(trailers: str) -> Line | None:
    """The line of versions that the last paragraph of a message names."""
    return next((line for value in re.findall(_LINE, trailers) if (line := _LINES.get(value))), None)


def _body(checkpoint: Checkpoint) -> Iterator[str]:
    shown = sorted(checkpoint.artifacts, key=lambda artifact: not artifact.changed)[:_SHOWN]
    names = {artifact.path: _readable(artifact.path) for artifact in shown}
    width = max(map(len, names.values()), default=0)
    for artifact in shown:
        files = f", {artifact.nfiles} files" if artifact.nfiles is not None else ""
        size = "?" if artifact.size is None else size_text(artifact.size)
        mark = "  changed" if artifact.changed else ""
        yield f"{artifact.kind:<8} {names[artifact.path]:<{width}}  {size}{files}{mark}"
    if len(checkpoint.artifacts) > _SHOWN:
        yield f"and {len(checkpoint.artifacts) - _SHOWN} more"
    if checkpoint.metrics:
        yield ", ".join(f"{_readable(key)} {_readable(str(value))}" for key, value in checkpoint.metrics.items())


def _readable(text: str) -> str:
    """Without what would break a line or drive a terminal."""
    return "".join(char if char.isprintable() or "\udc80" <= char <= "\udcff" else "?" for char in text)


def _trailers(line: Line, checkpoint: Checkpoint, *, automatic: bool) -> Iterator[str]:
    yield f"Cpv-Line: {line}"
    if automatic:
        yield "Cpv-Automatic: true"
    for artifact in checkpoint.artifacts:
        numbers = {"hash": artifact.oid, "size": artifact.size, "nfiles": artifact.nfiles}
        words = [f"kind={artifact.kind}", *(f"{key}={value}" for key, value in numbers.items() if value is not None)]
        yield f"Cpv-Artifact: {' '.join(words)} path={_json(artifact.path)}"
    for key, value in checkpoint.metrics.items():
        yield metric_trailer(key, value)


def metric_trailer(key: str, value: int | float | str) -> str:
    return f"Cpv-Metric: {key if re.fullmatch(_WORD, key) else _json(key)}={_json(value)}"


def _json(value: object) -> str:
    """JSON that stays readable (no escapes for letters); other line breaks than \\n are escaped as well."""
    text = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _artifact(value: str) -> CheckpointArtifact | None:
    found = re.fullmatch(_ARTIFACT, value)
    if not found:
        return None
    kind, oid, size, nfiles, quoted = found.groups()
    known = next((name for name in KINDS if name == kind), None)
    path = _loads(quoted)
    if known is None or not isinstance(path, str):
        return None
    return CheckpointArtifact(known, path, oid, int(size) if size else None, int(nfiles) if nfiles else None)


def parse_metric(value: str) -> tuple[str, int | float | str] | None:
    """The metric that such a trailer's value says; None where it says none."""
    if value.startswith('"'):
        try:
            key, end = json.JSONDecoder().raw_decode(value)
        except ValueError:
            return None
    else:
        end = value.find("=")
        key = value[:end]
    if end < 0 or value[end : end + 1] != "=" or not isinstance(key, str):
        return None
    text = value[end + 1 :]
    number = float(text) if _decimal().fullmatch(text) else _loads(text)
    return (key, number) if isinstance(number, int | float | str) else None


def _loads(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
