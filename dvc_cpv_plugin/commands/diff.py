"""`dvc cpv diff`: two versions, or a version and the work tree, side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from cpv_hooks.console.output import printable, say, size_text, warn
from cpv_hooks.git.refs import listed_once
from cpv_hooks.history.compare import ArtifactChange, Difference, FileChange, MetricChange, compare
from cpv_hooks.history.side import of_commit, of_work_tree
from cpv_hooks.history.version_names import find_commit
from cpv_hooks.model_formats.weights import demand_numpy
from cpv_hooks.project.roots import projects_here
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand
from dvc_cpv_plugin.commands.model_lines import changed

EXAMPLES = """examples:
  dvc cpv diff v0.3                           the work tree against v0.3
  dvc cpv diff v0.3 v0.4
  dvc cpv diff origin/main HEAD --markdown    for a comment on a pull request
  dvc cpv diff v0.3 v0.4 --weights            how far each tensor of the model moved
  dvc cpv diff v0.3 v0.4 --json | jq '.metrics[] | select(.change != null)'

The work tree is compared as its pointer files say; `dvc cpv sync` brings them up to date.
docs/diff.md describes the fields of --json."""
_SHOWN = 20
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


class CmdDiff(CPVCommand):
    """Plain lines, Markdown or JSON."""

    @listed_once()
    def run(self) -> int:
        if self.args.weights:
            demand_numpy()
        repo = self.repo
        projects = projects_here(repo)
        a, b = (find_commit(repo, projects, name) if name is not None else None for name in (self.args.a, self.args.b))
        assert a is not None
        other = of_work_tree(repo, projects) if b is None else of_commit(repo, projects, b)
        found = compare(projects, of_commit(repo, projects, a), other, weights=self.args.weights)
        if self.args.json:
            ui.write_json(found)
        else:
            ui.write_output("\n".join(_markdown(found) if self.args.markdown else _text(found)))
        for note in found["notes"]:
            say(note)
        for error in found["errors"]:
            warn(error)
        return 1 if found["errors"] else 0


def _text(found: Difference) -> Iterator[str]:
    for item in found["artifacts"]:
        name, kind, sizes = _artifact(item)
        yield printable(f"{_SIGNS[item['change']]} {name}  {kind}  {sizes}")
        for file in (item["files"] or [])[:_SHOWN]:
            yield printable(f"    {_SIGNS[file['change']]} {file['path']}  {_sizes(file)}")
        if len(item["files"] or []) > _SHOWN:
            yield f"    and {len(item['files'] or []) - _SHOWN} more files"
        for model in found["models"]:
            if model["path"] == item["path"]:
                yield from (f"    {line}" for line in changed(model))
    for metric in found["metrics"]:
        before, after, change = _metric(metric)
        yield printable(f"{metric['name']}: {before} -> {after}{f' ({change})' if change else ''}")
    for setting in found["settings"]:
        before, after = _value(setting["before"]), _value(setting["after"])
        yield printable(f"{setting['file']}: {setting['key']}: {before} -> {after}")
    if not found["artifacts"] and not found["settings"] and not any(map(_differs, found["metrics"])):
        yield f"no difference between {_title(found)}"


def _markdown(found: Difference) -> Iterator[str]:
    """A comment of a pull request: what a repository says stays text."""
    yield f"### {_cell(_title(found))}"
    yield from _table(("artifact", "kind", "change", "size"), [_artifact_row(item) for item in found["artifacts"]])
    for item in found["artifacts"]:
        files = item["files"] or []
        if files:
            yield ""
            yield f"<details><summary>{_cell(item['path'])}: {len(files)} files differ</summary>"
            yield from _table(
                ("file", "change", "size"), [(file["path"], file["change"], _sizes(file)) for file in files[:_SHOWN]]
            )
            yield ""
            if len(files) > _SHOWN:
                yield f"and {len(files) - _SHOWN} more"
                yield ""
            yield "</details>"
    for model in found["models"]:
        lines = list(changed(model))
        if lines:
            yield ""
            yield f"{_cell(model['path'])}:"
            yield ""
            yield from (f"- {_cell(line)}" for line in lines)
    yield from _table(
        ("metric", *map(str, (found["a"], found["b"] or "work tree")), "change"),
        [(metric["name"], *_metric(metric)) for metric in found["metrics"]],
    )
    yield from _table(
        ("setting", *map(str, (found["a"], found["b"] or "work tree"))),
        [(f"{one['file']}: {one['key']}", _value(one["before"]), _value(one["after"])) for one in found["settings"]],
    )
    if not found["artifacts"] and not found["settings"] and not any(map(_differs, found["metrics"])):
        yield ""
        yield "No difference."


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        yield ""
        yield f"| {' | '.join(map(_cell, headings))} |"
        yield f"|{'---|' * len(headings)}"
        for row in rows:
            yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    """Text that neither ends a cell nor is markup."""
    shown = printable(text)
    return "".join(f"&#{ord(char)};" if char in "\\`*_[]<>|&#!@~" else char for char in shown)


def _title(found: Difference) -> str:
    return f"{found['a']} and {found['b'] or 'the work tree'}"


def _artifact_row(item: ArtifactChange) -> tuple[str, str, str, str]:
    name, kind, sizes = _artifact(item)
    return name, kind, item["change"], sizes


def _artifact(item: ArtifactChange) -> tuple[str, str, str]:
    return item["path"], item["kind"], _sizes(item) + _rules(item)


def _rules(item: ArtifactChange) -> str:
    """A hash by another rule may mean other bytes although all else is equal."""
    before, after = item["hash_before"], item["hash_after"]
    return f" ({before} -> {after})" if before and after and before != after else ""


def _sizes(item: ArtifactChange | FileChange) -> str:
    before, after = (None if size is None else size_text(size) for size in (item["size_before"], item["size_after"]))
    if item["change"] == "changed":
        return f"{before or '?'} -> {after or '?'}"
    return (after if item["change"] == "added" else before) or "?"


def _metric(metric: MetricChange) -> tuple[str, str, str]:
    change = metric["change"]
    return _value(metric["before"]), _value(metric["after"]), f"{change:+.6g}" if change else ""


def _differs(metric: MetricChange) -> bool:
    return metric["before"] != metric["after"]


def _value(value: object) -> str:
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="A version, a branch or a commit.")
    parser.add_argument("b", metavar="B", nargs="?", help="Another one (default: the work tree).")
    parser.add_argument(
        "--weights", action="store_true", help="Read all weights, and show the norm of each tensor's change."
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="Print JSON.")
    form.add_argument("--markdown", action="store_true", help="Print Markdown, for a pull request's comment.")
