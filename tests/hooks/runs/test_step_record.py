"""What the commit of a step says, and what is read of it back, whoever wrote it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpv_hooks.errors import CPVError
from cpv_hooks.runs.run_refs import check_run_name, next_name
from cpv_hooks.runs.step_record import RunStep, parse_step_message, write_step_message

TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)


@given(
    st.dictionaries(TEXT, st.one_of(st.integers(-(10**15), 10**15), st.floats(allow_nan=False), TEXT), max_size=4),
    TEXT,
    st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), max_size=9),
)
def test_a_record_is_read_back(metrics: dict[str, int | float | str], host: str, name: str) -> None:
    saved = {} if name in (".", "..") else {name: "model.bin"}
    source = name if name not in (".", "..") else ""
    step = RunStep("main", 500, metrics, host, saved, "b" * 40, "c" * 40, source=source, lap=len(metrics))
    assert parse_step_message(write_step_message(step), ["b" * 40, "c" * 40], "", 0.0) == step


def test_what_is_no_number_stays_one() -> None:
    step = RunStep("main", 1, {"loss": math.nan}, "vm", {}, "b" * 40)
    found = parse_step_message(write_step_message(step), ["b" * 40], "", 0.0)
    assert found is not None
    assert math.isnan(float(found.metrics["loss"]))
    assert found.as_dict()["metrics"] == {"loss": "nan"}


def test_the_first_lines_are_for_people() -> None:
    step = RunStep("bert", 1500, {"eval_loss": 0.25}, "node7", {"model.pt": "model.bin"}, "a" * 40)
    assert write_step_message(step).split("\n")[:3] == [
        "Run bert, step 1500: eval_loss 0.25",
        "",
        "On node7, code aaaaaaaaaa as committed.",
    ]


@pytest.mark.parametrize(
    "trailers",
    [
        "",
        "Cpv-Run: main",
        "Cpv-Step: 5",
        "Cpv-Run: main\nCpv-Step: five",
        "Cpv-Run: main\nCpv-Step: -5",
        "Cpv-Run: main\nCpv-Step: 9999999999999999999999",
    ],
)
def test_a_commit_that_is_none_of_ours_is_no_step(trailers: str) -> None:
    assert parse_step_message(f"Subject\n\n{trailers}\n", [], "", 0.0) is None


def test_a_name_that_leads_elsewhere_is_left_out() -> None:
    """The commit may have come from anybody; what was saved is written below a folder by these names."""
    saved = '{"../x": "a", "/etc/x": "b", "..": "c", ".": "d", "a/b": "e", "model.bin": "model.bin", "": "all"}'
    text = f"S\n\nCpv-Run: main\nCpv-Step: 5\nCpv-Host: 7\nCpv-Saved: {saved}\nCpv-Metric: nonsense\n"
    found = parse_step_message(text, [], "", 0.0)
    assert found == RunStep("main", 5, saved={"model.bin": "model.bin", "": "all"})


@pytest.mark.parametrize("name", ["", "a/b", "../x", "-x", "a..b", "x.lock", "a b", "ü", "x" * 101, "a\n"])
def test_a_name_that_git_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(CPVError, match="is not a name for a run"):
        check_run_name(name)


def test_names_count_on() -> None:
    assert check_run_name("bert-large_7.1") == "bert-large_7.1"
    assert [next_name("main", taken) for taken in ([], ["main"], ["main", "main-2"])] == ["main", "main-2", "main-3"]
