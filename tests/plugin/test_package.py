"""What the wheel and the source distribution hold, and what `pyproject.toml` promises."""

from __future__ import annotations

import ast
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from support.venv import PROJECT, Venv

pytestmark = pytest.mark.xdist_group("venv")

PACKAGES = ("cpv_hooks", "dvc_cpv_plugin")


def files(folder: str) -> set[str]:
    return {path.relative_to(PROJECT).as_posix() for path in (PROJECT / folder).rglob("*") if _shipped(path)}


def _shipped(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc"


def test_wheel_holds_packages_templates_and_pth(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {"dvc_cpv.pth"}
    for package in PACKAGES:
        expected |= files(package) - {"dvc_cpv_plugin/dvc_cpv.pth"}
    expected |= {name.replace("hook-templates", "cpv_hooks/templates", 1) for name in files("hook-templates")}
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_sdist_holds_everything_and_builds(sdist: Path, venv: Venv) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    for folder in (*PACKAGES, "hook-templates", "tests"):
        assert files(folder) <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".ci/run", ".pre-commit-hooks.yaml"} <= names
    venv.install(sdist)
    code = "from cpv_hooks.setup.install.templates import templates; print(templates())"
    assert Path(venv.python("-c", code).out.strip()) == venv.site / "cpv_hooks/templates"
    venv.uninstall()


def test_pth_is_one_line_that_python_runs(wheel: Path) -> None:
    text = zipfile.ZipFile(wheel).read("dvc_cpv.pth").decode("ascii")
    assert text.startswith("import ")
    assert text.count("\n") == 1
    assert text.endswith("\n")


def test_every_direct_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    # What a command can do without is an extra of its own, imported where it is used.
    extras = project["optional-dependencies"]
    requirements = [*project["dependencies"], *extras["dask"], *extras["notify"], *extras["readers"], *extras["report"]]
    declared = {_name(requirement) for requirement in requirements}
    owners = packages_distributions()
    used = {name: {_name(owner) for owner in owners[name]} for name in _imported() if name in owners}
    missing = {name: owner for name, owner in used.items() if not owner & declared}
    assert not missing


def test_an_adapter_of_a_framework_has_less_than_a_hundred_lines() -> None:
    folder = PROJECT / "dvc_cpv_plugin/integrations"
    assert [path.name for path in folder.glob("*.py") if len(path.read_text().splitlines()) >= 100] == []


def _name(requirement: str) -> str:
    head = requirement.split(";")[0]
    for mark in "[<>=~! ":
        head = head.split(mark)[0]
    return head.lower().replace("_", "-").replace(".", "-")


def _imported() -> set[str]:
    found = set()
    for package in PACKAGES:
        for path in (PROJECT / package).rglob("*.py"):
            if path.parent.name == "integrations":
                continue  # an adapter's framework is there where it is used: tests/frameworks
            for node in _runtime_nodes(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - set(PACKAGES)


def _runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below, less those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _runtime_nodes(child)
