"""What the tests say of themselves by a mark, read from their text: nothing is collected or imported for a table."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

TESTS = Path(__file__).parents[1]


class Marked(NamedTuple):
    """A test with a mark, and the mark's arguments; a name that is an argument stands for the keys of that table."""

    file: Path
    test: str
    values: tuple[Any, ...]
    options: dict[str, Any]


def marked(name: str) -> Iterator[Marked]:
    """Every mark of this name, in the order of files and lines."""
    for file in sorted(TESTS.rglob("test_*.py")):
        text = file.read_text(encoding="utf-8")
        if f"pytest.mark.{name}(" not in text:
            continue
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == f"pytest.mark.{name}":
                        values = tuple(_value(value, tree) for value in mark.args)
                        options = {str(word.arg): _value(word.value, tree) for word in mark.keywords}
                        yield Marked(file, node.name, values, options)


def _value(node: ast.expr, tree: ast.Module) -> Any:
    return _keys(node.id, tree) if isinstance(node, ast.Name) else ast.literal_eval(node)


def _keys(name: str, tree: ast.Module) -> list[Any]:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Dict):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if [ast.unparse(target) for target in targets] == [name]:
                return [ast.literal_eval(key) for key in node.value.keys if key is not None]
        if isinstance(node, ast.ImportFrom) and name in (alias.name for alias in node.names):
            file = TESTS / f"{(node.module or '').replace('.', '/')}.py"
            return _keys(name, ast.parse(file.read_text(encoding="utf-8")))
    raise ValueError(f"{name} is no table of this module")
