"""The examples of `docs/training.md` as they are written: killed, told to end, gone on with to the same weights."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from conftest import MakeRepo

from frameworks.trainings import Framework, Training, examples

# For each: the step at which it is killed and after how many more it is told to end, both as its task counts them; the
# step from which it goes on then, and the one that it saves when it is told to end.
STOPS = {
    "torch": (130, 40, 100, 140),
    "accelerate": (130, 40, 100, 140),
    "lightning": (110, 30, 100, 130),
    "transformers": (65, 20, 50, 70),
    "keras": (70, 30, 48, 72),
    "xgboost": (50, 15, 40, 55),
    "lightgbm": (50, 15, 40, 55),
}

FILES = {"model.bin": "first"}


def test_each_framework_has_an_example() -> None:
    assert set(examples()) == set(STOPS)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in STOPS])
def test_killed_and_told_to_end_it_comes_to_the_same_weights(
    name: str, framework_of: Callable[[str], Framework], make_repo: MakeRepo
) -> None:
    framework = framework_of(name)
    script = examples()[framework.name]
    calm = Training(make_repo("calm", files=FILES).path).prepare(framework, script)
    calm.train(framework)
    stopped = Training(make_repo("stopped", files=FILES).path).prepare(framework, script)
    kill, tell, first, last = STOPS[framework.name]
    stopped.train(framework, -signal.SIGKILL, f"SIGKILL {kill}")
    errors = stopped.train(framework, 128 + signal.SIGTERM, f"SIGTERM {tell}")
    assert f"run main: resuming from step {first}" in errors
    assert stopped.steps()[-1] == last
    assert f"run main: resuming from step {last}" in stopped.train(framework)
    assert stopped.weights() == calm.weights()
    stopped.cpv("verify", "--all")
