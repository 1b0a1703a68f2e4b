"""The plugin of the documentation, installed by pip, and one in which everything fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.repos import SETTINGS
from support.shell import Result, Shell
from support.venv import PROJECT, Venv

CPV = "from dvc_cpv_plugin.cli import main; raise SystemExit(main())"
BUILD = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
include = ["*.py"]

"""
HOOKS = ("metrics", "kind", "model_reader", "checks", "notifiers", "commands", "report_panel")
BROKEN = "import pluggy\nhookimpl = pluggy.HookimplMarker('cpv')\n" + "".join(
    f"@hookimpl\ndef cpv_{hook}(): raise RuntimeError('{hook} does not work')\n" for hook in HOOKS
)
ASK = """
import json, sys
from pathlib import Path
from cpv_hooks.accounts.personal import send_events
from cpv_hooks.project import plugins
from cpv_hooks.system.byte_source import BytesSource

scores = Path("x.scores")
scores.write_text('{"final": {"acc": 0.9}}')
model = plugins.model("a.weights", {"a.weights": BytesSource(bytes([6] + [0] * 7))}, is_folder=False)
event = {"type": "dvc-cpv.tagged", "subject": "v0.1", "id": "1", "data": {}}
print(json.dumps({
    "metrics": plugins.metrics_in(scores, "x.scores"),
    "series": [one.name for one in plugins.series(scores, "x.scores")],
    "kind": plugins.kind("a.weights"),
    "model": model and model.format,
    "told": send_events.deliver_event(event, "tagged"),
    "panels": [panel.title for panel in plugins.report_panels([{"tag": "v0.1", "author": "Ada"}])],
}))
"""


class Installed:
    """A virtual environment with one plugin."""

    def __init__(self, folder: Path, environment: Mapping[str, str], code: str) -> None:
        self.venv = Venv.make(folder / "venv", environment)
        source = folder / "source"
        text = (PROJECT / "docs/plugins.md").read_text().split("```toml\n", 1)[1].split("```", 1)[0]
        Shell(source).write("pyproject.toml", BUILD + text)
        Shell(source).write("our_cpv.py", code)
        self.venv.pip("install", "--no-deps", "--no-build-isolation", source)

    def python(self, cwd: Path, *args: str, status: int | None = 0) -> Result:
        env = {"PYTHONPATH": str(PROJECT)}
        return Shell(cwd).run(self.venv.bin / "python", *args, status=status, env=env)

    def cpv(self, cwd: Path, *args: str, status: int | None = 0) -> Result:
        return self.python(cwd, "-c", CPV, *args, status=status)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, real_environment: dict[str, str]) -> Installed:
    code = (PROJECT / "docs/plugins.md").read_text().split("```python\n", 1)[1].split("```", 1)[0]
    return Installed(tmp_path_factory.mktemp("ours"), real_environment, code)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, real_environment: dict[str, str]) -> Installed:
    return Installed(tmp_path_factory.mktemp("broken"), real_environment, BROKEN)


def answers(plugin: Installed, folder: Path) -> tuple[dict[str, Any], list[str]]:
    done = plugin.python(folder, "-c", ASK)
    found: dict[str, Any] = json.loads(done.out)
    return found, done.err.splitlines()


def checks(plugin: Installed, folder: Path) -> tuple[list[str], list[str]]:
    done = plugin.cpv(folder, "doctor", "--json", status=None)
    return [check["name"] for check in json.loads(done.out)["checks"]], done.err.splitlines()


@pytest.fixture
def repo(tmp_path: Path, _skeleton: Path) -> Shell:
    from support import repos

    return repos.make(tmp_path / "repo", _skeleton, remote=None, settings=SETTINGS, install=False)


def test_it_changes_each(ours: Installed, repo: Shell) -> None:
    found, said = answers(ours, repo.path)
    assert said == []
    assert found == {
        "metrics": {"acc": 0.9},
        "series": ["acc"],
        "kind": "model",
        "model": "weights",
        "told": {"log of plugin our_cpv (our-cpv)": None},
        "panels": ["Authors"],
    }
    assert (Path.home() / "cpv-events.log").read_text() == "dvc-cpv.tagged v0.1\n"
    assert checks(ours, repo.path)[0][-1] == "card"
    assert "Write the model's card." in ours.cpv(repo.path, "--help").out
    assert "--title" in ours.cpv(repo.path, "card", "--help").out
    ours.cpv(repo.path, "card", "--title", "ResNet")
    assert (repo.path / "CARD.md").read_text() == "# ResNet\n"
    assert checks(ours, repo.path)[0][-1] != "card"
    repo.write(".cpv.toml", SETTINGS + '[tags]\nscheme = "calendar"\n')
    repo.git("add", "-A")
    repo.git("commit", "-qm", "calendar")
    assert ours.cpv(repo.path, "tag").out == "cal-2026.1\n"


def test_one_that_fails_is_named_and_breaks_nothing(broken: Installed, repo: Shell) -> None:
    found, said = answers(broken, repo.path)
    assert found == {
        "metrics": {"final.acc": 0.9},
        "series": ["final.acc"],
        "kind": None,
        "model": None,
        "told": {},
        "panels": [],
    }
    fails = "cpv: warning: plugin our_cpv (our-cpv) failed in cpv_{}: RuntimeError('{} does not work'); {}"
    assert said == [fails.format("model_reader", "model_reader", "fix: pip uninstall our-cpv")]
    names, said = checks(broken, repo.path)
    assert "git" in names
    assert fails.format("checks", "checks", "fix: pip uninstall our-cpv") in said
    done = broken.cpv(repo.path, "--help")
    assert done.err.splitlines() == [fails.format("commands", "commands", "fix: pip uninstall our-cpv")]
    assert "doctor" in done.out


def test_a_command_that_fails_names_its_plugin(broken: Installed, repo: Shell) -> None:
    code = """
import pluggy
from cpv_hooks.project.plugin_hooks import ExtraCommand
hookimpl = pluggy.HookimplMarker("cpv")

@hookimpl
def cpv_commands():
    return [
        ExtraCommand("late", "Fails.", lambda args: 1 / 0),
        ExtraCommand("early", "Fails.", lambda args: 0, lambda parser: 1 / 0),
        ExtraCommand("doctor", "Is ours.", lambda args: 1 / 0),
    ]
"""
    (next(broken.venv.site.glob("our_cpv.py"))).write_text(code)
    for name in ("late", "early"):
        done = broken.cpv(repo.path, name, status=1)
        assert done.err == (
            f"cpv: plugin our_cpv (our-cpv) failed in command {name}: ZeroDivisionError('division by zero'); "
            "fix: pip uninstall our-cpv\n"
        )
    assert "git" in checks(broken, repo.path)[0]
    assert broken.cpv(repo.path, "nothing", status=254).err.startswith("ERROR: ")
