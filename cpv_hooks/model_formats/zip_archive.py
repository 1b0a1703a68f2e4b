"""Zip archives on a source: members found, read up to a limit, and located where they are stored as they are."""

from __future__ import annotations

import struct
import zipfile

from cpv_hooks.model_formats.record import UnreadableModel
from cpv_hooks.system.byte_source import MAX_READ, ByteSource, Part, SourceFile

MAGIC = b"PK\x03\x04"
_LOCAL = 30
_ENCRYPTED = 1


class Archive:
    """A zip archive whose directory has been read."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._zip = zipfile.ZipFile(SourceFile(source))
        self.members = {info.filename: info for info in self._zip.infolist()}

    def ending(self, suffix: str) -> str | None:
        """The first member whose name ends so."""
        return next((name for name in self.members if name.endswith(suffix)), None)

    def read(self, name: str, limit: int = MAX_READ) -> bytes:
        """A member's bytes; `Unreadable` where there are more than `limit`."""
        info = self.members.get(name)
        if info is None:
            raise UnreadableModel(f"it has no {name}")
        if info.file_size > limit:
            raise UnreadableModel(f"its {name} says that it has {info.file_size} bytes")
        with self._zip.open(info) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise UnreadableModel(f"its {name} is larger than {limit} bytes")
        return data

    def part(self, name: str) -> Part:
        """Where a member lies; `Unreadable` for one that is compressed."""
        info = self.members.get(name)
        if info is None or info.compress_type != zipfile.ZIP_STORED or info.flag_bits & _ENCRYPTED:
            raise UnreadableModel(f"its {name} is not there as it is")
        local = self._source.read(info.header_offset, _LOCAL)
        if not local.startswith(MAGIC):
            raise UnreadableModel(f"its {name} is not where its directory says")
        names, extra = struct.unpack("<HH", local[26:])
        return Part(self._source, info.header_offset + _LOCAL + names + extra, info.file_size)
