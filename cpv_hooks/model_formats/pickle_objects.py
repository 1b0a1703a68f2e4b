"""What a pickle would make, and how to go through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cpv_hooks.model_formats.record import UnreadableModel
from cpv_hooks.named_tuple import NamedTuple

_MAX_PATH = 1000
_PLUMBING = frozenset(("_modules", "_parameters", "_buffers"))
"""How a PyTorch module keeps what it has, which its users never name."""


class Global(NamedTuple):
    """Something that the pickle would import."""

    name: str


class Reference(NamedTuple):
    """Something that lies outside the pickle, by its persistent id."""

    id: object


class Made:
    """Something that the pickle would make by calling `by`, with what it would put into it."""

    __slots__ = ("args", "by", "items", "pairs", "state")

    def __init__(self, by: str, args: tuple[Any, ...] = ()) -> None:
        self.by = by
        self.args = args
        self.state: Any = None
        self.items: list[Any] = []
        self.pairs: list[tuple[Any, Any]] = []

    def table(self) -> dict[str, Any]:
        """Its pairs, and those of its state, whose keys are texts."""
        pairs = [*self.pairs]
        state = self.state[0] if isinstance(self.state, tuple) and self.state else self.state
        if isinstance(state, Made):
            pairs += state.pairs
        return {key: value for key, value in pairs if isinstance(key, str)}


def walk(root: object, limit: int) -> Iterator[tuple[str, Made]]:
    """Everything made below a root, with the path of keys to it; each once, at most `limit` of them."""
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", root)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, tuple | list) and not isinstance(value, Global | Reference):
            if id(value) not in seen:
                seen.add(id(value))
                waiting.extend((_join(path, key), item) for key, item in reversed(list(enumerate(value))))
        elif isinstance(value, Made) and id(value) not in seen:
            seen.add(id(value))
            if len(seen) > limit:
                raise UnreadableModel(f"its pickle makes more than {limit} objects")
            yield path, value
            waiting.extend(reversed(list(_below(path, value))))


def _below(path: str, made: Made) -> Iterator[tuple[str, object]]:
    for key, value in made.pairs:
        yield _join(path, key), value
    for number, value in enumerate(made.items):
        yield _join(path, number), value
    if made.state is not None:
        yield path, made.state
    for value in made.args:
        yield path, value


def _join(path: str, key: object) -> str:
    word = str(key)[:200] if isinstance(key, str | int) else type(key).__name__
    if word in _PLUMBING or len(path) > _MAX_PATH:
        return path
    return f"{path}.{word}" if path else word
