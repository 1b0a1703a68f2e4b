"""The house: packages import downwards only, modules never in a circle, and each package says what it is for."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("cpv_hooks", "dvc_cpv_plugin")


def linted(folder: Path) -> tuple[int, str]:
    """The exit code of import-linter on the two packages in a folder, and what it prints."""
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the packages and of the contract."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_run_downwards(tree: Path) -> None:
    code, printed = linted(tree)
    assert code == 0, printed


@pytest.mark.parametrize(
    "line",
    [
        "from cpv_hooks.hooks import hook_run",
        "def late() -> None:\n    from cpv_hooks.versions import tags",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from cpv_hooks.sync.outcomes import Report",
    ],
)
def test_an_upward_import_is_refused(tree: Path, line: str) -> None:
    """At the top of a module, inside a function, or for types alone."""
    with (tree / "cpv_hooks/git/trees.py").open("a") as file:
        file.write(f"\n\n{line}\n")
    code, printed = linted(tree)
    assert code == 1
    assert "cpv_hooks.git.trees ->" in printed


@pytest.mark.parametrize(
    ("module", "line", "said"),
    [
        (
            "cpv_hooks/project/config.py",
            "from cpv_hooks.project import fetch_rule",
            "No cycles are allowed in cpv_hooks.project.",
        ),
        (
            "cpv_hooks/system/sharing.py",
            "def late() -> None:\n    from cpv_hooks.system.atomic_files import git_folder",
            "No cycles are allowed in cpv_hooks.system.",
        ),
        (
            "cpv_hooks/remote/common/object_ranges.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from cpv_hooks.remote.common.dvc_remote import DVCRemote",
            "No cycles are allowed in cpv_hooks.remote.common.",
        ),
        ("cpv_hooks/disk_causes.py", "from cpv_hooks.errors import CPVError", "cpv_hooks.disk_causes ->"),
        (
            "dvc_cpv_plugin/commands/nouns.py",
            "import dvc_cpv_plugin.cli",
            "No cycles are allowed in dvc_cpv_plugin.",
        ),
    ],
)
def test_a_circle_is_refused(tree: Path, module: str, line: str, said: str) -> None:
    with (tree / module).open("a") as file:
        file.write(f"\n\n{line}\n")
    code, printed = linted(tree)
    assert code == 1
    assert said in printed


def test_every_package_has_a_floor() -> None:
    """A package that no layer names would escape the contract."""
    named = (ROOT / "pyproject.toml").read_text()
    rooms = {path.parent for path in (ROOT / "cpv_hooks").rglob("*.py") if path.name != "__init__.py"}
    for room in rooms - {ROOT / "cpv_hooks", ROOT / "cpv_hooks/operations"}:
        dotted = ".".join(room.relative_to(ROOT).parts)
        assert f'{dotted}"' in named or f"{dotted} " in named or f"{dotted})" in named, dotted


def test_a_package_says_what_it_is_for() -> None:
    """And imports nothing: the contract would not see a circle between a package's own file and its modules."""
    assert "from dvc_cpv_plugin" not in (ROOT / "dvc_cpv_plugin/commands/__init__.py").read_text()
    for path in (ROOT / "cpv_hooks").rglob("__init__.py"):
        body = ast.parse(path.read_text()).body
        assert body, path
        assert isinstance(body[0], ast.Expr), path
        assert len(body) == 1 or path.parent.name == "cpv_hooks", path


# What several modules answer to in turn is one thing, and has one name.
INTERFACES = {
    "add_arguments": "dvc_cpv_plugin/commands/",
    "add_verbs": "dvc_cpv_plugin/commands/",
    "run": "cpv_hooks/hooks/",
    "main": "",
    "read": "cpv_hooks/model_formats/",
    "ask": "cpv_hooks/remote/s3_client/",
}


def test_the_name_of_a_function_stands_for_one_thing() -> None:
    """The name of a class or a public function is found in one place (methods aside)."""
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            where = str(path.relative_to(ROOT))
            for node in ast.parse(path.read_text()).body:
                if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                    continue
                if not where.startswith(INTERFACES.get(node.name, "/")):
                    found.setdefault(node.name, []).append(where)
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_the_name_of_a_module_stands_for_one_thing() -> None:
    """A command's module is named as the command is, whatever else is."""
    stems = [path.stem for path in (ROOT / "cpv_hooks").rglob("*.py") if path.stem != "__init__"]
    assert [stem for stem in sorted(set(stems)) if stems.count(stem) > 1] == []
