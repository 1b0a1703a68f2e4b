"""`migrate checkpoints`: a folder of checkpoints whose names have a date, or a step, in the order of these."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cpv_hooks.console.output import few, printable, say
from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.metric_formats.metrics import clean
from cpv_hooks.migration.incoming import Incoming, last_written, source_size
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project import plugins

_DATE = re.compile(
    r"(?<!\d)(\d{4})-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])"
    r"(?:[T_ .-]?([01]\d|2[0-3])[-:.h]?([0-5]\d)(?:[-:.m]?([0-5]\d))?)?(?!\d)"
)
_STEP = re.compile(
    r"(?:^|[^a-z])(?:global[_-]?step|steps?|iter(?:ation)?s?|checkpoint|ckpt)[=_-]?(\d{1,18})(?!\d)", re.I
)
_EPOCH = re.compile(r"(?:^|[^a-z])(?:epochs?|ep)[=_-]?(\d{1,18})(?!\d)", re.I)
_NUMBER = re.compile(r"(?<!\d)(\d{1,18})(?=\.[A-Za-z]\w*$|$)")
_PAIR = re.compile(r"([A-Za-z_][\w./]*?)=(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?=[-_,]|\.[A-Za-z]|$)", re.I)
_COUNTERS = frozenset(("step", "steps", "global_step", "epoch", "iter", "iteration"))


class NamedOrder(NamedTuple):
    """Where a checkpoint stands among its like: by `kind` (date, step, epoch, number) and `value`."""

    kind: str
    value: tuple[int, ...]

    def __str__(self) -> str:
        if self.kind == "date":
            return datetime(*self.value).isoformat(" ", "seconds")  # type: ignore[arg-type]
        return f"{self.kind} {self.value[0]}"


def order_in_name(name: str) -> NamedOrder | None:
    """What a name says of its order; None where it says nothing."""
    date = _DATE.search(name)
    if date is not None:
        numbers = tuple(int(part or 0) for part in date.groups())
        try:
            datetime(*numbers)  # type: ignore[arg-type]
            return NamedOrder("date", numbers)
        except ValueError:
            return None
    for kind, pattern in (("step", _STEP), ("epoch", _EPOCH), ("number", _NUMBER)):
        found = pattern.search(name)
        if found is not None:
            return NamedOrder(kind, (int(found[1]),))
    return None


def metrics_in_name(name: str) -> dict[str, Metric]:
    """What a name says of metrics, as Lightning writes it: `epoch=3-val_loss=0.12.ckpt`."""
    pairs = {key: float(value) for key, value in _PAIR.findall(name) if key.lower() not in _COUNTERS}
    return clean(pairs)


def read_checkpoints(folder: Path) -> list[Incoming]:
    """The checkpoints, oldest first. Raises `CPVError` for a folder without any, and where their order is not clear."""
    if not folder.is_dir():
        raise CPVError("is not a folder", where=str(folder), fix="name the folder that has the checkpoints")
    found: dict[NamedOrder, Path] = {}
    passed: list[str] = []
    for path in sorted(folder.iterdir()):
        place = None if path.name.startswith(".") or path.is_symlink() else order_in_name(path.name)
        if place is None:
            passed.append(path.name)
            continue
        other = found.setdefault(place, path)
        if other is not path:
            what = f"{other.name} and {path.name} are both {place}"
            raise CPVError(what, where=str(folder), fix="move one out, or give those of a step a folder together")
    if not found:
        what = "no name here has a date or a number"
        raise CPVError(what, where=str(folder), fix="rename them: step-100.pt, 2024-05-01/")
    _refuse_mixed(folder, found)
    if passed:
        say(f"skipped, without a date or a number in the name: {few([printable(name) for name in passed])}")
    return [_incoming(folder, place, path) for place, path in sorted(found.items())]


def _refuse_mixed(folder: Path, found: Mapping[NamedOrder, Path]) -> None:
    kinds: dict[str, str] = {}
    for place, path in found.items():
        kinds.setdefault(place.kind, path.name)
    forms = {path.name: path.is_dir() for path in found.values()}
    if len(kinds) > 1:
        (one, first), (other, second) = list(kinds.items())[:2]
        what = f"{first} has a {one} and {second} a {other}, so their order is not clear"
        raise CPVError(what, where=str(folder), fix="move one kind to a folder of its own")
    if len(set(forms.values())) > 1:
        file = next(name for name, is_dir in forms.items() if not is_dir)
        inner = next(name for name, is_dir in forms.items() if is_dir)
        what = f"{file} is a file and {inner} a folder, so they are not versions of one artifact"
        raise CPVError(what, where=str(folder), fix=f"mv {shell_path(file)} to a folder of its own")


def _incoming(folder: Path, place: NamedOrder, path: Path) -> Incoming:
    return Incoming(
        path.name, path, str(place), last_written(path), source_size(path), {**_position(place), **_metrics(path)}
    )


def _position(place: NamedOrder) -> dict[str, Metric]:
    return {place.kind: place.value[0]} if place.kind in ("step", "epoch") else {}


def _metrics(path: Path) -> dict[str, Metric]:
    state = path / "trainer_state.json"
    own = plugins.metrics_in(state, state.name) if path.is_dir() and state.is_file() else {}
    return {**own, **metrics_in_name(path.name)}
