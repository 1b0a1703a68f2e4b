"""How versions are written as tag names: `minor` (v0.1), `semver` (v1.2.3), `gto` (model@v1.2.3).

A scheme knows two lines: the numbers of model checkpoints and those of data. Versions are tuples of integers, so they
are compared component by component (v0.9 comes before v0.10).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from cpv_hooks.errors import CPVError

if TYPE_CHECKING:
    from cpv_hooks.project.config import Config, Kind

Version = tuple[int, ...]


class Line(StrEnum):
    """A series of version numbers of its own."""

    MODEL = "model"
    DATA = "data"

    @classmethod
    def of(cls, kind: Kind) -> Line:
        """The line that numbers an artifact of this kind.

        Metrics and extras describe or accompany a model, so a commit that changes only them is a model checkpoint.
        """
        return cls.DATA if kind == "data" else cls.MODEL


_MODEL = Line.MODEL


class Scheme(Protocol):
    """A way to write versions as tag names; a plugin's must never raise for any string."""

    @property
    def shape(self) -> str:
        """What a version looks like, for messages: `MAJOR.MINOR`."""

    def prefix(self, line: Line) -> str:
        """What stands before the version in the line's tag names."""

    def parse(self, line: Line, tag: str) -> Version | None:
        """The version that a tag name means in a line, or None where it is not a well-formed one."""

    def is_ours(self, line: Line, tag: str) -> bool:
        """Whether a tag name belongs to the line, or was meant to (and may be malformed)."""

    def format(self, line: Line, version: Version) -> str:
        """The tag name of a version."""

    def first(self) -> Version:
        """The version of a line's first checkpoint."""

    def next(self, last: Version) -> Version:
        """The version that follows the highest one."""


# 18 digits: any number that a person means, and far from Python's limit for int().
_NUMBER = r"(0|[1-9][0-9]{0,17})"
# Semantic Versioning's pre-release and build parts, and GTO's marks (`!` takes back, `#1` counts): neither numbered
# nor refused by CPV.
_SUFFIX = re.compile(r"(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?!?(#[0-9]+)?")


class Numbered:
    """A scheme of as many dotted numbers behind a prefix as `start` has; the last number grows."""

    def __init__(self, prefixes: Mapping[Line, str], start: Version, *, suffixed: bool, shape: str) -> None:
        self.prefixes = prefixes
        self.start = start
        self.suffixed = suffixed
        self.shape = shape

    def prefix(self, line: Line) -> str:
        return self.prefixes[line]

    def parse(self, line: Line, tag: str) -> Version | None:
        model, data = self._patterns
        found = (model if line is _MODEL else data).fullmatch(tag)
        return tuple(map(int, found.groups())) if found else None

    def is_ours(self, line: Line, tag: str) -> bool:
        """See `Scheme.is_ours`: the prefix and a digit."""
        prefix = re.escape(self.prefixes[line])
        if not re.match(prefix + "[0-9]", tag):
            return False
        core = re.match(prefix + self._core(), tag) if self.suffixed else None
        return not (core and core.end() < len(tag) and _SUFFIX.fullmatch(tag, core.end()))

    def format(self, line: Line, version: Version) -> str:
        return self.prefixes[line] + ".".join(map(str, version))

    def first(self) -> Version:
        return self.start

    def next(self, last: Version) -> Version:
        """See `Scheme.next`: the last number plus one."""
        return (*last[:-1], last[-1] + 1)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        model, data = (re.compile(re.escape(self.prefixes[line]) + self._core()) for line in (_MODEL, Line.DATA))
        return model, data

    def _core(self) -> str:
        return r"\.".join([_NUMBER] * len(self.start))


_PLAIN = {Line.MODEL: "v", Line.DATA: "data-v"}
# gto.constants.name_re
GTO_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-/_]*[a-zA-Z0-9])?")
STAGE_LENGTH = 100
"""Characters in a stage's name: with the model's before it, it is the name of a file."""


def is_stage_name(text: str) -> bool:
    """Whether GTO takes this for the name of a stage, and a disk for part of a tag's."""
    return len(text) <= STAGE_LENGTH and GTO_NAME.fullmatch(text) is not None


def builtin(name: str, config: Config) -> Scheme | None:
    """The scheme of that name which comes with CPV."""
    return _BUILT_IN[name](config) if name in _BUILT_IN else None


def _gto(config: Config) -> Scheme:
    model = config.model or "model"
    if not GTO_NAME.fullmatch(model) or model == "data":
        why = "data@v… is the data's own line" if model == "data" else "letters, digits, - and _ only"
        what = f"the gto scheme cannot name a model {model!r} ({why})"
        raise CPVError(what, where=".cpv.toml", fix="set another [cpv] model in .cpv.toml")
    return Numbered(
        {Line.MODEL: f"{model}@v", Line.DATA: "data@v"}, (0, 0, 1), suffixed=True, shape="MAJOR.MINOR.PATCH"
    )


_BUILT_IN: Mapping[str, Callable[[Config], Scheme]] = {
    "minor": lambda _: Numbered(_PLAIN, (0, 0), suffixed=False, shape="MAJOR.MINOR"),
    "semver": lambda _: Numbered(_PLAIN, (0, 1, 0), suffixed=True, shape="MAJOR.MINOR.PATCH"),
    "gto": _gto,
}
SCHEMES = tuple(_BUILT_IN)


def line_of(scheme: Scheme, tag: str) -> Line | None:
    """The line that a tag name belongs to, well-formed or not; None for a foreign name."""
    return next((line for line in Line if scheme.is_ours(line, tag)), None)


def version_line(scheme: Scheme, tag: str) -> Line | None:
    """The line of which a tag name is a well-formed version; None for any other name."""
    return next((line for line in Line if scheme.parse(line, tag) is not None), None)
