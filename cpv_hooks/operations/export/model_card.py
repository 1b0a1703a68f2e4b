"""The model card of a Hugging Face repository: https://huggingface.co/docs/hub/model-cards

What is known is in it, and nothing else: license, task and language are the author's to add.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from cpv_hooks.console.output import printable, size_text
from cpv_hooks.operations.export.version_facts import ExportFacts

NAME = "README.md"
_SHOWN = 50


def card_text(facts: ExportFacts, files: Mapping[str, int]) -> str:
    """The card: a header in YAML with the metrics as `model-index`, then words for people. `files` are sizes."""
    from ruamel.yaml import YAML

    yaml, header = YAML(), io.StringIO()
    yaml.dump(_header(facts), header)
    return f"---\n{header.getvalue()}---\n{_body(facts, files)}"


def _header(facts: ExportFacts) -> dict[str, Any]:
    found: dict[str, Any] = {"tags": ["dvc-cpv"]}
    if facts.metrics:
        # The format wants a task and a dataset with each metric.
        data = facts.data or f"data of {facts.tag}"
        result = {
            "task": {"type": "other"},
            "dataset": {"type": "private", "name": data},
            "metrics": [{"type": name, "value": value, "name": name} for name, value in facts.metrics.items()],
        }
        found["model-index"] = [{"name": facts.name, "results": [result]}]
    return found


def _body(facts: ExportFacts, files: Mapping[str, int]) -> str:
    lines = [f"# {facts.name} {facts.tag}", ""]
    if facts.message:
        lines += [printable(facts.message), ""]
    lines += [f"Version `{facts.tag}` of {facts.created[:10]}, commit `{facts.commit}`.", ""]
    if facts.metrics:
        lines += ["| metric | value |", "|---|---|"]
        lines += [f"| {_cell(name)} | {value} |" for name, value in facts.metrics.items()] + [""]
    shown = sorted(files.items())[:_SHOWN]
    lines += ["| file | size |", "|---|---|", *(f"| {_cell(name)} | {size_text(size)} |" for name, size in shown)]
    if len(files) > _SHOWN:
        lines.append(f"| and {len(files) - _SHOWN} more | |")
    return "\n".join(lines) + "\n"


def _cell(value: str) -> str:
    return printable(value).replace("|", "\\|")
