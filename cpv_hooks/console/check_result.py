"""A named check: what was looked at, how it went, why, and what mends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from cpv_hooks.errors import CPVError, disk_error, one_line
from cpv_hooks.named_tuple import NamedTuple

Result = Literal["ok", "warn", "fail"]
_WORST_FIRST: tuple[Result, ...] = ("fail", "warn", "ok")


class Check(NamedTuple):
    """One thing that was looked at; `fix` is the command that fixes it."""

    name: str
    result: Result
    reason: str
    fix: str | None = None

    @property
    def line(self) -> str:
        return one_line(self.reason, where=self.name, fix=self.fix)


class ValidationError(CPVError):
    """A line of the validation checklist failed, so the operation was not begun. `checks` are all that were made."""

    def __init__(
        self, what: str, *, where: str | None = None, fix: str | None = None, checks: Sequence[Check] = ()
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.checks = tuple(checks)


def failed_check(name: str, error: CPVError) -> Check:
    """The check that an error stands for."""
    return Check(name, "fail", f"{error.where}: {error.what}" if error.where else error.what, error.fix)


def guarded(name: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    """What a look finds; an error that a user can fix ends it with a failed check."""
    found: list[Check] = []
    try:
        for check in look():
            found.append(check)
    except CPVError as error:
        found.append(failed_check(name, error))
    except OSError as error:
        found.append(failed_check(name, disk_error(error, Path(error.filename or "."))))
    return found


def merge_checks(name: str, checks: Sequence[Check]) -> Check:
    """Several looks at one thing as one check: the worst result, with the reasons for it."""
    results = {check.result for check in checks}
    result: Result = next((result for result in _WORST_FIRST if result in results), "ok")
    telling = [check for check in checks if check.result == result]
    fixes = dict.fromkeys(check.fix for check in telling if check.fix)
    reasons = dict.fromkeys(check.reason for check in telling)
    return Check(name, result, "; ".join(reasons), next(iter(fixes), None))


class Question(NamedTuple):
    """A look that may take long. `who` is asked, for messages; `fix` mends an error that nobody foresaw."""

    name: str
    who: str
    ask: Callable[[], Check]
    fix: str = "check the network"


def side_by_side(questions: Sequence[Question], seconds: float) -> list[Check]:
    """The answers, in the order of the questions. All are asked at once, and together they have `seconds`."""
    asked = [_Asked(question) for question in questions]
    deadline = time.monotonic() + seconds
    return [one.answer(deadline, seconds) for one in asked]


class _Asked:
    """A question that is being answered, in a thread that nobody waits for at the end."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.found: Check | None = None
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def _ask(self) -> None:
        try:
            self.found = self.question.ask()
        except BaseException as error:  # noqa: BLE001  # told by `answer`, in the other thread
            self.error = error

    def answer(self, deadline: float, seconds: float) -> Check:
        self.thread.join(max(0.0, deadline - time.monotonic()))
        name, who = self.question.name, self.question.who
        if isinstance(self.error, CPVError):
            return failed_check(name, self.error)
        if self.error is not None:
            return Check(name, "fail", f"{who}: {self.error}", self.question.fix)
        if self.found is None:
            return Check(name, "fail", f"{who} has not answered in {seconds:g} s", "check the network")
        return self.found
