"""Which artifact each saved file is."""

from __future__ import annotations

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.runs.saved_places import chief_of, places

FILE, FOLDER = False, True


@pytest.mark.parametrize(
    ("saved", "artifacts", "chief", "asked", "found"),
    [
        # Names of artifacts are these artifacts, wherever they lie.
        ({"model.bin": FILE}, {"model.bin": FILE}, "model.bin", None, {"model.bin": "model.bin"}),
        ({"a.bin": FILE}, {"deep/a.bin": FILE, "model.bin": FILE}, "model.bin", None, {"a.bin": "deep/a.bin"}),
        ({"a": FILE}, {"x/a": FILE, "y/z/a": FILE}, None, None, {"a": "x/a"}),
        # A single other file is the model, whatever it is called.
        ({"model.pt": FILE}, {"model.bin": None}, "model.bin", None, {"model.pt": "model.bin"}),
        (
            {"model.pt": FILE, "metrics.log": FILE},
            {"model.bin": FILE, "metrics.log": None},
            "model.bin",
            None,
            {"metrics.log": "metrics.log", "model.pt": "model.bin"},
        ),
        # Several others are a folder of their own; beside an artifact they go by their names.
        ({"a.pt": FILE, "b.pt": FILE}, {"model.bin": FILE}, "model.bin", None, {"": "checkpoint"}),
        ({"model": FOLDER}, {"model.bin": FILE}, "model.bin", None, {"": "checkpoint"}),
        (
            {"b.pt": FILE, "model.bin": FILE},
            {"model.bin": FILE},
            "model.bin",
            None,
            {"model.bin": "model.bin", "b.pt": "b.pt"},
        ),
        ({"a.pt": FILE}, {}, None, None, {"a.pt": "a.pt"}),
        # A model that is a folder takes all of it.
        ({"a.pt": FILE, "b": FOLDER}, {"model": FOLDER}, "model", None, {"": "model"}),
        ({"a.pt": FILE}, {"model": None}, "model", None, {"": "model"}),
        # What the job names.
        ({"a.pt": FILE}, {"model.bin": FILE}, "model.bin", "best.pt", {"a.pt": "best.pt"}),
        ({"a.pt": FILE, "b.pt": FILE}, {}, None, "checkpoint", {"": "checkpoint"}),
        ({"a.pt": FILE}, {}, None, "checkpoint", {"": "checkpoint"}),
        ({"model.bin": FILE}, {"model.bin": FILE}, None, "all", {"": "all"}),
    ],
)
def test_places(
    saved: dict[str, bool],
    artifacts: dict[str, bool | None],
    chief: str | None,
    asked: str | None,
    found: dict[str, str],
) -> None:
    assert places(saved, artifacts, chief, asked, "") == found


def test_new_ones_lie_in_the_dvc_root() -> None:
    assert places({"a.pt": FILE, "b.pt": FILE}, {}, None, None, "sub/") == {"": "sub/checkpoint"}
    assert places({"a.pt": FILE}, {}, None, None, "sub/") == {"a.pt": "sub/a.pt"}


def test_nothing_saved_is_refused() -> None:
    with pytest.raises(CPVError, match="nothing was saved"):
        places({}, {}, None, None, "")


def test_the_model_is_meant_where_there_is_one() -> None:
    assert chief_of(["model.bin"]) == "model.bin"
    assert chief_of(["a.bin", "b.bin"]) is chief_of([]) is None
