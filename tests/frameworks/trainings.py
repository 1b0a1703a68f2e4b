"""Repositories with a training in them, and what a test does with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.repos import ModelRepo

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs/training.md"
ENVIRONMENT = {"KERAS_BACKEND": "torch", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
MODULES = {
    "torch": ["torch", "numpy"],
    "accelerate": ["accelerate"],
    "lightning": ["lightning"],
    "transformers": ["transformers", "transformers.trainer", "transformers.models.gpt2.modeling_gpt2"],
    "keras": ["keras"],
    "xgboost": ["xgboost"],
    "lightgbm": ["lightgbm"],
}


def examples() -> Mapping[str, str]:
    """The example of each framework's section of the page, by the name of its adapter."""
    found = re.findall(r"^### [^\n]+\n\n```python\n(.*?)```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return {name[1]: text for text in found if (name := re.search(r"integrations\.(\w+)", text))}


class Framework:
    """A framework that is imported already: starts trainings with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        command = [sys.executable, str(HERE / "server.py"), *MODULES[name]]
        environment = {**os.environ, **ENVIRONMENT}
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
        )
        self._answer()

    def train(self, script: Path, stop: str) -> int:
        """Run a script in its folder; its exit status. `stop` is a signal and the step at which it comes.

        Tests of one run start from an empty home as all do, so what the server was started with is brought up to date.
        """
        assert self._server.stdin is not None
        outputs = [str(script.parent.parent / f"{script.parent.name}.{name}") for name in ("out", "err")]
        variables = {**os.environ, **ENVIRONMENT, "STOP": stop}
        self._server.stdin.write(json.dumps([str(script), str(script.parent), variables, *outputs]) + "\n")
        return int(self._answer())

    def close(self) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(60)
        self._server.stdout.close()

    def _answer(self) -> str:
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        assert line, f"the server of {self.name} has ended"
        return line


class Training(ModelRepo):
    """A repository with a training script and the task that it imports."""

    def prepare(self, framework: Framework, script: str) -> Training:
        shutil.copy(HERE / "tasks" / f"{framework.name}.py", self.path / "task.py")
        shutil.copy(HERE / "tasks/injected.py", self.path)
        self.write("train.py", script)
        return self

    def train(self, framework: Framework, status: int = 0, stop: str = "") -> str:
        """Train until the end, or a signal at a step (`SIGTERM 30`); what it said on the standard error."""
        ended = framework.train(self.path / "train.py", stop)
        errors = (self.path.parent / f"{self.path.name}.err").read_text()
        assert ended == status, errors
        return errors

    def weights(self) -> bytes:
        """What training ended with: a digest, or the model itself."""
        found = [name for name in ("digest", "final.ubj", "final.txt") if (self.path / name).exists()]
        # LightGBM's has the parameters of the last call below its trees: how many rounds were left.
        return self.read(found[0]).partition(b"\nparameters:\n")[0]

    def runs(self, *words: str) -> Any:
        """What `dvc cpv runs …` says, as JSON."""
        return json.loads(self.cpv("runs", *words, "--json").out)

    def steps(self) -> list[int]:
        """The steps of the run, oldest first."""
        refs = self.git("for-each-ref", "--format=%(refname:lstrip=4)", "refs/cpv/runs/main/").lines
        return sorted(int(ref) for ref in refs if ref.isdigit())
