"""A folder into which a program writes checkpoints: which of them are finished, and how one is taken.

A checkpoint is a file or a folder there. It is finished when a marker in it says so, or when none of its files has
changed for a while. Programs that write under a temporary name and rename are seen at once complete by either. Where
several processes write into one folder and one of them is slow, what the last of them writes has to be there as well.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cpv_hooks.metric_formats.limits import MAX_STEP_DIGITS
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.hard_links import copy_file, link_or_copy

State = tuple[tuple[str, int, int, int], ...]
"""Relative path, size, time and inode of each file."""
_TEMPORARY = re.compile(r"\.|tmp|.*(\.tmp|\.temp|\.part|\.partial|~)$|.*-tmp(-|$)", re.IGNORECASE | re.DOTALL)
_SHARD = re.compile(r"__(\d+)_\d+\.distcp")  # of torch.distributed.checkpoint, which writes `.metadata` last
_ORBAX, _COMMITTED = "_CHECKPOINT_METADATA", "commit_success.txt"
_NUMBER = rf"\d{{1,{MAX_STEP_DIGITS}}}"
_NUMBERS = (
    re.compile(rf"step\D?({_NUMBER})", re.IGNORECASE),
    re.compile(rf"(?:checkpoint|ckpt|iter|iteration|epoch)\D?({_NUMBER})", re.IGNORECASE),
    re.compile(rf"\D*({_NUMBER})\D*"),
)


class FoundCheckpoint(NamedTuple):
    """A finished checkpoint; `step` is the number in its name, None for one without."""

    path: Path
    state: State
    step: int | None


class WatchedFolder:
    """The folder. What is there already when it is opened is left alone, unless it changes."""

    def __init__(self, path: Path, pattern: str, quiet: float, marker: str | None) -> None:
        """`quiet` is in seconds; with a `marker`, a name in the checkpoint's folder, it does not count."""
        self._path = path
        self._pattern = pattern
        self._quiet = quiet
        self._marker = marker
        self._done: dict[str, State] = dict(self._states())
        self._since: dict[str, tuple[State, float]] = {}

    def finished(self, now: float, *, writer_ended: bool = False) -> list[FoundCheckpoint]:
        """The checkpoints that are finished at a time (seconds, of any clock) and were not, oldest first.

        Where the writer has come to its own good end, all are that are not in `unfinished`.
        """
        found = []
        for name, state in self._states():
            if not state or self._done.get(name) == state:
                continue
            known, since = self._since.get(name, (None, now))
            if known != state:
                since = now
                self._since[name] = (state, now)
            is_whole = writer_ended or self._is_whole(name, now - since)
            if is_whole and not self._lacks_a_writer(name, state, writer_ended=writer_ended):
                found.append(FoundCheckpoint(self._path / name, state, step_in(name)))
        return sorted(found, key=lambda one: (max(entry[2] for entry in one.state), one.path.name))

    def unfinished(self) -> list[str]:
        """The checkpoints that are still not finished when the writer has ended."""
        states = [(name, state) for name, state in self._states() if state and self._done.get(name) != state]
        return [name for name, state in states if self._lacks_a_writer(name, state, writer_ended=True)]

    def take(self, found: FoundCheckpoint, target: Path) -> bool:
        """Bring a checkpoint into an empty folder, by hard links where it may be; False where it changed meanwhile.

        One without a number in its name is written again and again, perhaps in place, so it is copied.
        """
        is_folder = found.path.is_dir()
        try:
            for relpath, *_ in found.state:
                source = found.path / relpath if relpath else found.path
                self._bring(source, target / (relpath or found.path.name), link=found.step is not None)
        except FileNotFoundError:
            return False
        if _state(found.path) != found.state or found.path.is_dir() != is_folder:
            return False
        self._done[found.path.name] = found.state
        return True

    @staticmethod
    def _bring(source: Path, target: Path, *, link: bool) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        (link_or_copy if link else copy_file)(source, target)

    def _is_whole(self, name: str, quiet: float) -> bool:
        if self._marker is not None and (self._path / name).is_dir():
            return (self._path / name / self._marker).exists()
        return quiet >= self._quiet

    def _lacks_a_writer(self, name: str, state: State, *, writer_ended: bool) -> bool:
        """Whether a folder of several processes lacks what the last of them writes, or has it from the save before."""
        times = {relpath: changed for relpath, _, changed, _ in state}
        for relpath, changed in times.items():
            folder, file = os.path.split(relpath)
            if shard := _SHARD.fullmatch(file):
                names = (".metadata", f"__{shard[1]}.metadata")
                last = [times[path] for path in (os.path.join(folder, one) for one in names) if path in times]
                if not last or (max(last) < changed and not writer_ended):
                    return True
            if ".orbax-checkpoint-tmp" in folder:
                return True
            if file == _ORBAX and os.path.join(folder, _COMMITTED) not in times:
                with suppress(OSError, ValueError, KeyError, TypeError):
                    return json.loads((self._path / name / relpath).read_bytes())["commit_timestamp_nsecs"] is None
        return False

    def _states(self) -> Iterator[tuple[str, State]]:
        with suppress(FileNotFoundError):
            for name in sorted(os.listdir(self._path)):
                if fnmatch.fnmatchcase(name, self._pattern) and not _TEMPORARY.match(name):
                    with suppress(FileNotFoundError):
                        yield name, _state(self._path / name)


def _state(path: Path) -> State:
    status = path.lstat()
    if stat.S_ISREG(status.st_mode):
        return (("", *_numbers(status)),)
    if not stat.S_ISDIR(status.st_mode):
        return ()  # a link to the last one, or a device
    found = []
    for folder, _, names in os.walk(path):
        for name in names:
            status = os.lstat(f"{folder}/{name}")
            if stat.S_ISREG(status.st_mode):
                found.append((os.path.relpath(f"{folder}/{name}", path), *_numbers(status)))
    return tuple(sorted(found))


def _numbers(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


def step_in(name: str) -> int | None:
    """The step that a checkpoint's name tells: `checkpoint-500`, `epoch=3-step=1200.ckpt`, `model_0042.pt`."""
    stem = re.sub(r"\.[A-Za-z]\w*$", "", name)
    for pattern in _NUMBERS[:2]:
        if found := pattern.findall(stem):
            return int(found[-1])
    alone = _NUMBERS[2].fullmatch(stem)
    return int(alone[1]) if alone else None
