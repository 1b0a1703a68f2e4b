"""What the stages of a `dvc.yaml` say of their outputs, which DVC does not repeat in `dvc.lock`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

_TEMPLATE = re.compile(r"\$\{[^}]*\}")


def stage_of(pipeline: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    """A stage's definition; foreach and matrix stages are locked as `name@item`."""
    if pipeline is None:
        return {}
    stages = pipeline.get("stages")
    found = stages.get(name.split("@")[0]) if isinstance(stages, dict) else None
    if not isinstance(found, dict):
        return None
    found = found["do"] if isinstance(found.get("do"), dict) else found
    # A templated working directory cannot be known without DVC's resolver; leave such a stage to `dvc repro`.
    return None if "${" in str(found.get("wdir") or "") else found


def stage_flags(stage: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What a stage says of its outputs (`cache`, `push`, `remote`, …), by their path as it is written there."""
    found: dict[str, Mapping[str, Any]] = {}
    for section in ("outs", "metrics", "plots"):
        for out in stage.get(section) or []:
            if isinstance(out, dict):
                found.update((str(path), flags) for path, flags in out.items() if isinstance(flags, dict))
    return found


def flags_of_output(flags: Mapping[str, Mapping[str, Any]], out: object) -> Mapping[str, Any]:
    """What is said of an output of the lock; a path with a template counts where it can become this one."""
    if not flags or not isinstance(out, dict):
        return {}
    path = posixpath.normpath(str(out.get("path")))
    for written, said in flags.items():
        if posixpath.normpath(written) == path:
            return said
    templates = {written: said for written, said in flags.items() if "${" in written}
    fitting = [written for written in templates if re.fullmatch(_template(written), path)]
    return templates[max(fitting, key=lambda written: len(_TEMPLATE.sub("", written)))] if fitting else {}


def _template(written: str) -> str:
    return ".+".join(map(re.escape, _TEMPLATE.split(posixpath.normpath(written))))
