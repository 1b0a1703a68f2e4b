"""What models are and what changed inside them, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cpv_hooks.console.output import printable, size_text
from cpv_hooks.errors import shell_word

if TYPE_CHECKING:
    from cpv_hooks.history.model_changes import ModelChange, WeightChange
    from cpv_hooks.history.model_contents import ModelEntry
    from cpv_hooks.operations.info.metadata import ModelMetadata

_SHOWN = 20
_NO_READER = "its format has no reader here"


def described(found: ModelMetadata, *, tensors: bool) -> Iterator[str]:
    """What models say of themselves; with `tensors` a line for each of those too."""
    entries = found["models"]
    known = {entry["path"] for entry in entries}
    others = [file for file in found["files"] if file["kind"] == "model" and file["path"] not in known]
    yield "models:" if entries or others else "models: none"
    is_there = found["in_cache"] or found["on_remote"]
    lost = "neither the cache nor the remote has it"
    if found["on_remote"] is None:
        lost = f"the cache lacks it, and the remote gave no answer; dvc cpv verify {shell_word(found['tag'])} says why"
    for file in others:
        size = "of unknown size" if file["size"] is None else size_text(file["size"])
        why = _NO_READER if is_there else lost
        yield printable(f"  {file['path']}: {why} ({size}, md5 {file['md5'] or 'unknown'}, kind {file['kind']})")
    if others and is_there:
        yield '    note: a plugin\'s cpv_model_reader adds a format: docs/models.md, "A reader of your own"'
    for entry in entries:
        yield printable(f"  {entry['path']}: {_summary(entry)}")
        facts = [f"{key}: {value}" for key, value in entry["metadata"].items()]
        facts += [f"verdict on its pickles: {entry['verdict']}"] if entry["verdict"] else []
        facts += [f"note: {note}" for note in entry["notes"]]
        yield from _cut(facts, "    ", "lines; --json has all")
        for tensor in entry["tensors"] if tensors else ():
            shape = ", ".join(map(str, tensor["shape"]))
            where = f"  {tensor['file']}" if tensor["file"] else ""
            yield printable(f"    {tensor['name']}  {tensor['dtype']} [{shape}]{where}")


def _summary(entry: ModelEntry) -> str:
    if entry["format"] is None:
        return "cannot be read"
    if entry["parameters"] is None:
        return entry["format"]
    kinds = ", ".join(f"{dtype} {count}" for dtype, count in entry["dtypes"].items())
    return f"{entry['format']}, {entry['parameters']} parameters in {len(entry['tensors'])} tensors ({kinds})"


def changed(item: ModelChange) -> Iterator[str]:
    """What changed inside a model, without its path."""
    if item["format_before"] != item["format_after"]:
        yield printable(f"format: {item['format_before'] or 'none'} -> {item['format_after'] or 'none'}")
    before, after = item["parameters_before"], item["parameters_after"]
    if before != after:
        yield f"parameters: {_number(before)} -> {_number(after)}"
    if item["same_weights"]:
        yield "same weights, other bytes"
    tensors = [f"+ {name}" for name in item["tensors_added"]] if item["format_before"] else []
    tensors += [f"- {name}" for name in item["tensors_removed"]] if item["format_after"] else []
    tensors += [f"~ {one['name']}  {one['before']} -> {one['after']}" for one in item["tensors_reshaped"]]
    tensors += [f"~ {one['name']}  {one['before']} -> {one['after']}" for one in item["tensors_retyped"]]
    yield from _cut(tensors, "", "tensors; --json has all")
    moved = sorted(filter(_moved, item["weights"] or []), key=_share, reverse=True)
    yield from _cut([_distance(one) for one in moved], "", "tensors; --json has all")
    facts = [f"{key}: {_number(old)} -> {_number(new)}" for key, (old, new) in item["metadata"].items()]
    if item["format_before"] and item["format_after"]:
        yield from _cut(facts, "", "lines; --json has all")


def _moved(one: WeightChange) -> bool:
    return one["norm"] != 0


def _share(one: WeightChange) -> float:
    """By what share of itself a tensor moved; what is not known comes last."""
    norm, before = one["norm"], one["norm_before"]
    if not isinstance(norm, float) or not isinstance(before, float):
        return -1.0
    return norm / before if before else float("inf")


def _distance(one: WeightChange) -> str:
    share = _share(one)
    if share < 0:
        return f"{one['name']}  moved by {_number(one['norm'])}"
    part = f"  ({share:.3%} of {one['norm_before']:.6g})" if share != float("inf") else "  (from zero)"
    return f"{one['name']}  moved by {one['norm']:.6g}{part}"


def _cut(lines: Sequence[str], indent: str, more: str) -> Iterator[str]:
    for line in lines[:_SHOWN]:
        yield printable(f"{indent}{line}")
    if len(lines) > _SHOWN:
        yield f"{indent}and {len(lines) - _SHOWN} more {more}"


def _number(value: object) -> str:
    return "none" if value is None else str(value)
