"""The frameworks, each imported once in each of pytest's processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from frameworks.trainings import Framework

Get = Callable[[str], Framework]


@pytest.fixture(scope="session")
def framework_of(_session_environment: None) -> Iterator[Get]:
    found: dict[str, Framework] = {}

    def get(name: str) -> Framework:
        if name not in found:
            found[name] = Framework(name)
        return found[name]

    yield get
    for one in found.values():
        one.close()
