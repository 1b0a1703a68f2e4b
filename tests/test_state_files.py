"""CPV's own files: named in one module, listed in the documentation, and no others are made."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpv_hooks import state_files
from cpv_hooks.git.hook_names import FSMONITOR, HOOKS
from cpv_hooks.setup.install.shims import Interpreter, render_shim
from cpv_hooks.setup.install.templates import templates

ROOT = Path(__file__).parents[1]
GROUPS = (state_files.OF_WORK_TREE, state_files.OF_REPOSITORY, state_files.OF_USER)
NAMES = {value for key, value in vars(state_files).items() if key.isupper() and isinstance(value, str)}
# A plain word, or a name that many programs use, is one of these files where it is joined to one of these folders.
FOLDER = re.compile(r"(\.(state|shared)|\bstate|cpv_home\(\)|state_files\.FOLDER)\)?$")
BELOW = re.compile(r"(?<![\w@-])(?<!refs/)(?<!worktree/)cpv/[a-z]\S*")


def spelled(path: Path) -> Iterator[str]:
    """The places in a module that spell the name of one of CPV's own files."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_name = node.value in NAMES and not re.fullmatch(
                r"[a-z]+|\.lock|[a-z]+-|(config|index)\.json", node.value
            )
            if is_name or BELOW.fullmatch(node.value.rpartition(".git/")[2].lstrip("/")):
                yield f"{path.name}:{node.lineno}: {node.value}"
        elif (
            isinstance(node, ast.BinOp)
            and isinstance(node.right, ast.Constant)
            and FOLDER.search(ast.unparse(node.left))
        ):
            yield f"{path.name}:{node.lineno}: {ast.unparse(node)}"


def listed() -> list[set[str]]:
    """What the tables of the documentation list, one set for each."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    tables = text.partition("## State on the disk")[2].partition("\n## ")[0].split("| file |")[1:]
    return [
        {name for row in re.findall(r"(?m)^\| (`.*?) \|", table) for name in re.findall("`([^`]+)`", row)}
        for table in tables
    ]


def test_no_other_module_spells_a_name() -> None:
    modules = [*ROOT.glob("cpv_hooks/**/*.py"), *ROOT.glob("dvc_cpv_plugin/**/*.py")]
    assert [place for path in modules if path.name != "state_files.py" for place in spelled(path)] == []


@pytest.mark.parametrize("line", ['x = repo.state / "mark"', 'X = "queue.db"', 'p = f"{git_dir}/cpv/watch"'])
def test_such_a_name_is_found(tmp_path: Path, line: str) -> None:
    module = tmp_path / "module.py"
    module.write_text(f"{line}\n")
    assert len(list(spelled(module))) == 1


def test_no_template_spells_a_name() -> None:
    name = re.compile(r"\$state/[a-z]\S*|/cpv/[a-z-]+\"|(?:answered|note_answer|write_mark) [a-z]\S*")
    for path in templates().rglob("*.sh"):
        text = path.read_text(encoding="utf-8").replace("refs/worktree/cpv/", "")
        assert not name.findall(text), path


@pytest.mark.parametrize("hook", [*HOOKS, FSMONITOR])
def test_every_name_of_a_template_is_known(hook: str) -> None:
    text = render_shim(hook, None, Interpreter.current(), "0" * 16)
    assert re.findall(r"@[A-Z_]+@", text) == []
    assert f"state=$git_dir/{state_files.FOLDER}\n" in text


@pytest.mark.parametrize(("group", "position"), [(group, at) for at, group in enumerate(GROUPS)])
def test_the_documentation_lists_exactly_these(group: frozenset[str], position: int) -> None:
    assert listed()[position] == group


def test_every_name_is_in_a_group() -> None:
    whole = {name for group in GROUPS for name in group}
    affixes = {state_files.UPLOAD, state_files.EARLY, state_files.LOCKED, state_files.ORIGINAL, state_files.INSTALLED}
    affixes |= {state_files.SIGNING}
    assert NAMES - whole - affixes == {state_files.FOLDER}
