"""The progress bars of a terminal: one line for each piece of work under way, drawn together by one `rich` display."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Task, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from cpv_hooks.console.output import tells_the_end


class Bars:
    """The display is there while a bar is. Any thread may use it; lines that are printed meanwhile appear above it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._display: RichProgress | None = None

    def add(self, what: str) -> TaskID:
        with self._lock:
            if self._display is None:
                self._display = _new_display()
                self._display.start()
            return self._display.add_task(what, total=None)

    def update(self, bar: TaskID, done: int, total: int) -> None:
        """Bytes that are done, of how many; a total of 0 is not known."""
        if self._display is not None:
            self._display.update(bar, completed=done, total=total or None)

    def remove(self, bar: TaskID) -> None:
        """Take a bar away; the display ends with the last one."""
        with self._lock:
            if self._display is None:
                return
            if self._display.task_ids != [bar]:
                self._display.remove_task(bar)
                return
            # Draws once more, so that short work is seen too.
            self._display.stop()
            self._display = None


class _TimeLeft(TimeRemainingColumn):
    """Silent until the speed tells it."""

    def render(self, task: Task) -> Text:
        """The time, or as much room."""
        if task.finished or tells_the_end(int(task.completed), int(task.total or 0), task.elapsed or 0):
            return super().render(task)
        return Text("-:--:--", style="progress.remaining")


BARS = Bars()
"""Those of this process."""


def _new_display() -> RichProgress:
    columns = (
        TextColumn("cpv: {task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        _TimeLeft(),
    )
    return RichProgress(*columns, console=Console(stderr=True), transient=True)
