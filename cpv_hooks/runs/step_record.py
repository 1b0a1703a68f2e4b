"""What the commit of a run's step says: readable above, Git trailers below, as in the message of a tag."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cpv_hooks.console.times import iso_time
from cpv_hooks.metric_formats.limits import MAX_STEP_DIGITS
from cpv_hooks.versions.tag_message import metric_trailer, parse_metric

_TRAILER = re.compile(r"(Cpv-[A-Za-z]+): (.*)")
_NUMBER = re.compile(rf"[0-9]{{1,{MAX_STEP_DIGITS}}}")


@dataclass(frozen=True)
class RunStep:
    """A checkpoint of a run. `time` is in seconds since the epoch.

    `saved` says which artifact each saved file or folder is (the name "" is the whole folder that was saved); `base` is
    the commit that the job ran on, `code` a commit of the code as it was where that had uncommitted changes. `source`
    is the name that a program gave the checkpoint, where one was watched (`checkpoint-500`). `lap` counts how often the
    run had gone back to a lower step until then: what a later lap saved is newer, whatever its number.
    """

    run: str
    step: int
    metrics: Mapping[str, int | float | str] = field(default_factory=dict)
    host: str = ""
    saved: Mapping[str, str] = field(default_factory=dict)
    base: str = ""
    code: str | None = None
    commit: str = ""
    time: float = 0.0
    source: str = ""
    lap: int = 0

    def as_dict(self) -> dict[str, Any]:
        from cpv_hooks.metric_formats.metrics import metrics_for_json

        return {
            "step": self.step,
            "commit": self.commit,
            "timestamp": iso_time(self.time),
            "metrics": metrics_for_json(self.metrics),
            "host": self.host,
            "source": self.source or None,
            "artifacts": sorted(self.saved.values()),
            "base": self.base,
            "uncommitted_code": self.code,
        }


def write_step_message(step: RunStep) -> str:
    shown = ", ".join(f"{key} {value}" for key, value in step.metrics.items())
    head = f"Run {step.run}, step {step.step}" + (f": {shown}" if shown else "")
    code = "with uncommitted changes, which are the second parent" if step.code else "as committed"
    body = f"On {step.host}, code {step.base[:10]} {code}."
    return "\n\n".join((" ".join(head.split()), " ".join(body.split()), "\n".join(_trailers(step)))) + "\n"


def _trailers(step: RunStep) -> Iterator[str]:
    yield f"Cpv-Run: {step.run}"
    yield f"Cpv-Step: {step.step}"
    yield f"Cpv-Host: {json.dumps(step.host)}"
    yield f"Cpv-Saved: {json.dumps(dict(step.saved))}"
    if step.source:
        yield f"Cpv-Source: {json.dumps(step.source)}"
    if step.lap:
        yield f"Cpv-Lap: {step.lap}"
    for key, value in step.metrics.items():
        yield metric_trailer(key, value)


def parse_step_message(text: str, parents: list[str], commit: str, time: float) -> RunStep | None:
    """Read a step's commit back; None for one that is none of ours. What it says came with a clone, perhaps."""
    last = text.strip().rpartition("\n\n")[2]
    found: dict[str, list[str]] = {}
    for match in filter(None, map(_TRAILER.fullmatch, last.split("\n"))):
        found.setdefault(match[1], []).append(match[2])
    run, step, lap = (found.get(f"Cpv-{key}", [""])[0] for key in ("Run", "Step", "Lap"))
    if not run or not _NUMBER.fullmatch(step):
        return None
    saved, host, source = (_json(found.get(f"Cpv-{key}", ["null"])[0]) for key in ("Saved", "Host", "Source"))
    return RunStep(
        run,
        int(step),
        dict(filter(None, map(parse_metric, found.get("Cpv-Metric", [])))),
        host if isinstance(host, str) else "",
        {name: path for name, path in saved.items() if is_saved_name(name)} if isinstance(saved, dict) else {},
        parents[0] if parents else "",
        parents[1] if len(parents) > 1 else None,
        commit,
        time,
        source if isinstance(source, str) and is_saved_name(source) else "",
        int(lap) if _NUMBER.fullmatch(lap) else 0,
    )


def is_saved_name(name: str) -> bool:
    """Whether something may have been saved under a name: one without a folder, or the empty one for all of it."""
    return name == posixpath.basename(name) and name not in (".", "..") and "\0" not in name


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
