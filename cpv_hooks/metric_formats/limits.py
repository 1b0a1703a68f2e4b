"""What a tag can carry of metrics, and the number of the step that they are of."""

from __future__ import annotations

MAX_METRICS = 50
MAX_KEY = 100
MAX_TEXT = 200
MAX_STEP_DIGITS = 18


def is_metric_name(name: object) -> bool:
    """Whether it is a text of 1 to 100 printable characters."""
    return isinstance(name, str) and bool(name.strip()) and len(name) <= MAX_KEY and name.isprintable()
