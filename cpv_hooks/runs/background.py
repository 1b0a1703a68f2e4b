"""The job's end of the background process: started, woken, started again where it was killed, and waited for."""

from __future__ import annotations

import os
import sys
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.runs.giving_way import end_giving_way
from cpv_hooks.runs.run_folder import RunFolder

WORKER = "cpv_hooks.runs.worker"
_POLL = 0.02  # seconds
_LOG_BYTES = 1 << 20


class Background:
    """The background process of a run. It learns of the job's end by the end of the pipe between the two."""

    def __init__(self, root: Path, folder: RunFolder, lock: int, module: str = WORKER, *more: str) -> None:
        """`lock` is the open file that the job locks; children that the job forks must hold neither.

        The process is `python -m MODULE ROOT RUN`, or with `more` instead of the run.
        """
        self._module = module
        self._root = root
        self._more = more or (folder.name,)
        self._folder = folder
        self._process = 0
        self._pipe = -1
        self._lock = lock
        if folder.log.exists() and folder.log.stat().st_size > _LOG_BYTES:
            folder.log.unlink()
        self._told = folder.log.stat().st_size if folder.log.exists() else 0
        itself = weakref.ref(self)

        def forget() -> None:
            if (found := itself()) is not None:
                found.release()

        os.register_at_fork(after_in_child=forget)

    def start(self) -> None:
        """Start it. Raises `OSError`."""
        from cpv_hooks.git.detached_process import spawn

        reading, self._pipe = os.pipe()
        try:
            os.set_blocking(self._pipe, False)
            self._process = spawn(self._module, self._root, *self._more, stdin=reading, errors=self._folder.log)
        finally:
            os.close(reading)

    def wake(self) -> None:
        """Something waits to be taken in. Raises `OSError` where it is gone and cannot be started again."""
        try:
            os.write(self._pipe, b"\n")
        except BlockingIOError:
            return  # it has more than enough to read
        except OSError:
            self._close()
            self.has_ended()
            self.start()

    def end(self) -> None:
        """Nothing more comes, and training needs the machine no longer."""
        self._close()
        if self._process:
            end_giving_way(self._process)

    def wait(self, deadline: Callable[[], float | None]) -> bool:
        """Wait until it has ended, or the time on the monotonic clock is over; whether it has ended."""
        while not self.has_ended():
            until = deadline()
            if until is not None and time.monotonic() >= until:
                return False
            self.tell()
            time.sleep(_POLL)
        return True

    def has_ended(self) -> bool:
        if self._process:
            try:
                gone = os.waitpid(self._process, os.WNOHANG)[0] == self._process
            except ChildProcessError:  # somebody else has waited for it
                gone = not Path(f"/proc/{self._process}").exists()
            if gone:
                self._process = 0
        return not self._process

    def tell(self) -> None:
        """Pass on what it has said."""
        with suppress(OSError):
            if self._folder.log.stat().st_size <= self._told:
                return
            with state_files.open_file(self._folder.log) as stream:
                stream.seek(self._told)
                data = stream.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._told += len(whole)
            sys.stderr.write(whole.decode("utf-8", "replace"))
            sys.stderr.flush()

    def release(self) -> None:
        """Let go of the pipe and the lock, without a word to the process."""
        self._close()
        with suppress(OSError):
            if self._lock >= 0:
                os.close(self._lock)
        self._lock = -1

    def _close(self) -> None:
        if self._pipe >= 0:
            with suppress(OSError):
                os.close(self._pipe)
        self._pipe = -1
