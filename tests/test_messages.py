"""The form of a message, `WHERE: WHAT; fix: FIX`, is made in one place (`cpv_hooks.errors.one_line`)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAKES_IT = "cpv_hooks/errors.py"
# They speak where nothing of `cpv_hooks` can be imported.
ALONE = {"dvc_cpv_plugin/autoload.py", "dvc_cpv_plugin/commands/nouns.py"}


def spelled(text: str) -> Iterator[str]:
    """The strings of a module that spell the form, but for those that document something."""
    tree = ast.parse(text)
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents
        if is_text and "; fix: " in node.value:
            yield f"{node.lineno}: {node.value}"


def test_no_other_module_spells_the_form() -> None:
    modules = [*ROOT.glob("cpv_hooks/**/*.py"), *ROOT.glob("dvc_cpv_plugin/**/*.py")]
    found = {path.relative_to(ROOT).as_posix() for path in modules if list(spelled(path.read_text(encoding="utf-8")))}
    assert found == {MAKES_IT, *ALONE}


def test_one_that_does_is_found() -> None:
    assert list(spelled('x = f"{what}; fix: {fix}"\n')) == ["1: ; fix: "]
    assert list(spelled('"""`WHAT; fix: FIX`"""\n')) == []
