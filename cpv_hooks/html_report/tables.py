"""Tables that hold each row once: a thousand versions share most of what they say."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_LARGEST = 1 << 53
"""Whole numbers beyond it are not exact in a browser."""
_MAX_TEXT = 200


class RowTable(Generic[_Key]):
    """Rows, each kept once under a key; `rows` are as JSON has them."""

    def __init__(self) -> None:
        self._known: dict[_Key, int] = {}
        self.rows: list[Any] = []

    def __contains__(self, key: _Key) -> bool:
        return key in self._known

    def index(self, key: _Key, row: object) -> int:
        """Where the row is."""
        found = self._known.setdefault(key, len(self.rows))
        if found == len(self.rows):
            self.rows.append(row)
        return found


def plain(value: object) -> object:
    """A value as JSON and a browser can have it, bounded: text where there is no number for it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # The decimal digits of a number of thousands of bits are refused by Python itself.
        return value if abs(value) < _LARGEST else hex(value)[:_MAX_TEXT]
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    text = str(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"
