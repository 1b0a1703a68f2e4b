"""The reference in `docs/python-api.md`, made from the docstrings: `python tests/api_reference.py` writes it anew."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import dvc_cpv_plugin

PAGE = Path(__file__).parents[1] / "docs/python-api.md"
MARK = "<!-- Below: made from the docstrings by tests/api_reference.py. -->\n"


def page() -> str:
    """What the page should be: what people wrote, and the reference below the mark."""
    written = PAGE.read_text().partition(MARK)[0].rstrip("\n")
    return f"{written}\n\n{MARK}\n{reference()}"


def reference() -> str:
    classes = [getattr(dvc_cpv_plugin, name) for name in dvc_cpv_plugin.__all__]
    work = [one for one in classes if not issubclass(one, Exception | dict) and not _fields(one)]
    records = [one for one in classes if one not in work and not issubclass(one, Exception)]
    errors = [one for one in classes if issubclass(one, Exception)]
    parts = ["# Reference\n", *map(_class, work), *map(_record, records), "## Errors\n"]
    parts.append(
        "\n".join(["| error | raised |", "|---|---|", *(f"| `{e.__name__}` | {_line(e)} |" for e in errors)]) + "\n"
    )
    return "\n".join(parts)


def _class(one: type) -> str:
    parts = [f"## {one.__name__}\n", f"```python\n{one.__name__}{_signature(one)}\n```\n", _doc(one)]
    for name, method in _methods(one):
        parts.append(f"### {one.__name__}.{name}\n\n```python\n{name}{_signature(method)}\n```\n\n{_doc(method)}")
    return "\n".join(parts)


def _record(one: type) -> str:
    rows = [f"| `{name}` | `{_type(kind).replace('|', chr(92) + '|')}` |" for name, kind in get_type_hints(one).items()]
    return "\n".join([f"## {one.__name__}\n", _doc(one), "| field | type |", "|---|---|", *rows]) + "\n"


def _methods(one: type) -> Iterator[tuple[str, object]]:
    for name, member in inspect.getmembers(one, inspect.isfunction):
        if not name.startswith("_") and name != "show":  # which a dry run calls
            yield name, member


def _fields(one: type) -> bool:
    return hasattr(one, "__dataclass_fields__") or hasattr(one, "__total__")


def _signature(what: object) -> str:
    """One parameter a line, as annotated; `self` and the options that all methods share are left out."""
    signature = inspect.signature(what)  # type: ignore[arg-type]  # a class or a function
    shown = [str(each) for name, each in signature.parameters.items() if name not in ("self", "kwargs")]
    shown = [re.sub(r"'([^']*)'", r"\1", each, count=1) if ": '" in each else each for each in shown]
    returns = signature.return_annotation
    arrow = "" if returns in (inspect.Signature.empty, "None", None) else f" -> {returns}"
    if "kwargs" in signature.parameters:
        shown.append("**options")
    return f"({', '.join(shown)}){arrow}"


def _type(kind: object) -> str:
    return (
        kind.__name__
        if isinstance(kind, type) and not hasattr(kind, "__args__")
        else re.sub(r"\b(\w+\.)+", "", str(kind))
    )


def _doc(what: object) -> str:
    return (inspect.getdoc(what) or "") + "\n"


def _line(what: object) -> str:
    return (inspect.getdoc(what) or "").splitlines()[0]


if __name__ == "__main__":
    PAGE.write_text(page())
