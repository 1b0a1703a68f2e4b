"""Columns of a table of files: a million names or hashes in as much memory as their bytes take, and not as objects."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain

OID_BYTES = 16
_BLOCK = 1024  # bytes
_HASHES_AT_ONCE = 1024


class NameColumn:
    """Relative paths, sorted, in one text. It is read in blocks, of which the first name's place is known."""

    def __init__(self, text: bytes, count: int) -> None:
        """`text` are the names with a NUL between each two."""
        self.text = text
        self._count = count

    @classmethod
    def of(cls, names: Iterable[str]) -> NameColumn:
        listed = list(names)
        return cls("\0".join(listed).encode("utf-8", "surrogateescape"), len(listed))

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NameColumn) and (self._count, self.text) == (other._count, other.text)

    __hash__ = None  # type: ignore[assignment]  # one may be compared with another, and that is all

    def __repr__(self) -> str:
        return f"NameColumn.of({list(self)!r})"

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(map(self._block, range(len(self._blocks[0]))))

    def __getitem__(self, at: int) -> str:
        if not 0 <= at < self._count:
            raise IndexError(at)
        block, first = self._block_of(at)
        return self._block(block)[at - first]

    def pick(self, positions: Iterable[int]) -> Iterator[str]:
        first, names = 0, list[str]()
        for at in positions:
            if at >= first + len(names):
                block, first = self._block_of(at)
                names = self._block(block)
            yield names[at - first]

    def find(self, name: str) -> int | None:
        at = bisect_left(self, name)
        return at if at < self._count and self[at] == name else None

    def replaced(self, start: int, end: int, names: NameColumn) -> NameColumn:
        """These names with others in the place of those from `start` to `end`."""
        parts = [self._part(0, start), names.text, self._part(end, self._count)]
        return NameColumn(b"\0".join(filter(None, parts)), self._count - (end - start) + len(names))

    @cached_property
    def _blocks(self) -> tuple[array[int], array[int]]:
        """Where each block begins, and the position of its first name."""
        begins, firsts = array("q"), array("q")
        at = first = 0
        while first < self._count:
            begins.append(at)
            firsts.append(first)
            end = self.text.find(b"\0", at + _BLOCK)
            if end < 0:
                break
            first += self.text.count(b"\0", at, end) + 1
            at = end + 1
        return begins, firsts

    def _block_of(self, at: int) -> tuple[int, int]:
        """The block that a name is in, and the position of the first name there."""
        firsts = self._blocks[1]
        block = bisect_right(firsts, at) - 1
        return block, firsts[block]

    def _block(self, block: int) -> list[str]:
        begins = self._blocks[0]
        end = begins[block + 1] - 1 if block + 1 < len(begins) else len(self.text)
        return self.text[begins[block] : end].decode("utf-8", "surrogateescape").split("\0")

    def _part(self, start: int, end: int) -> bytes:
        return self.text[self._offset(start) : max(self._offset(end) - 1, 0)]

    def _offset(self, at: int) -> int:
        """Where a name begins; for the one after the last, where it would begin."""
        if at == self._count:
            return len(self.text) + 1
        block, first = self._block_of(at)
        offset = self._blocks[0][block]
        for _ in range(at - first):
            offset = self.text.index(b"\0", offset) + 1
        return offset


class HashColumn:
    """MD5 hashes, in hex, as their bytes."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.data = data

    @classmethod
    def of(cls, oids: Iterable[str]) -> HashColumn:
        return cls(bytes.fromhex("".join(oids)))

    def __len__(self) -> int:
        return len(self.data) // OID_BYTES

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HashColumn) and self.data == other.data

    __hash__ = None  # type: ignore[assignment]  # as of names

    def __repr__(self) -> str:
        return f"HashColumn.of({list(self)!r})"

    def __iter__(self) -> Iterator[str]:
        size = OID_BYTES * _HASHES_AT_ONCE
        return chain.from_iterable(self._cut(start, start + size) for start in range(0, len(self.data), size))

    def __getitem__(self, at: int) -> str:
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self.data[OID_BYTES * at : OID_BYTES * (at + 1)].hex()

    def _cut(self, start: int, end: int) -> list[str]:
        # A mark between each two makes of the cut a call.
        return self.data[start:end].hex("-", -OID_BYTES).split("-")
