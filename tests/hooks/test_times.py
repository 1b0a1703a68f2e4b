"""Ages as people write them."""

from __future__ import annotations

import pytest

from cpv_hooks.console.times import DAY, parse_age
from cpv_hooks.errors import CPVError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 30 * DAY),
        ("30", 30 * DAY),
        ("12h", DAY / 2),
        ("2W", 14 * DAY),
        ("90m", 5400),
        ("1y", 365 * DAY),
        ("0", 0),
    ],
)
def test_an_age(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5d", "30 d", "soon", "9999999d"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(CPVError, match=r"is not an age; fix: write 12h, 30d, 8w or 1y"):
        parse_age(text)
