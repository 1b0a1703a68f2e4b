"""The benchmark runs, in its smallest form; what it measures is nobody's business here."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from bench.curves import Point, curve, order, order_at_the_end
from bench.markdown import MARK
from bench.measure import Contest, Contestant, Row, Sample, Target, timed
from bench.report import as_data, cpu_ratio, ratio, seconds
from support.shell import Shell

PROJECT = Path(__file__).parents[1]


def test_its_smallest_form_leaves_a_table_json_and_plots(tmp_path: Path) -> None:
    json_file, plots = tmp_path / "results.json", tmp_path / "plots"
    words = ["--smallest", "--only", "tax", "curve-files", "--json", json_file, "--plots", plots, "--folder", tmp_path]
    done = Shell(PROJECT).python("-m", "tests.bench", *words)
    tax, curve = done.out.split("\n\n")[0:2]
    assert tax.lstrip().startswith("python -I -c pass (what is added to without)\n  contestant ")
    assert "with CPV's line" in tax
    assert curve.startswith("A data folder: how cost grows with files in the folder\n  step ")
    assert "git commit, one file changed" in curve
    data = json.loads(json_file.read_text())
    assert {"cpu", "cores", "kernel", "git", "git-lfs", "s5cmd", "dvc", "form", "took"} <= set(data["machine"])
    row, files = data["results"]
    assert len(row["samples"]["without"]) == 2
    assert row["samples"]["without"][0]["peak_mb"] > 1
    assert [point["size"] for point in files["lines"]["git status, nothing changed"]] == [1, 4]
    assert set(files["order"]) == set(files["lines"])
    assert [path.name for path in plots.iterdir()] == ["files.svg"]
    drawn = ElementTree.fromstring((plots / "files.svg").read_text())  # noqa: S314 - written a moment ago
    assert len(drawn.findall("{*}polyline")) == 2 * len(files["lines"])
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "plots"}


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    refused = Shell(PROJECT).python("-m", "tests.bench", "--only", "nothing", status=2)
    assert "'hooks', 'tax', 'startup', 'snapshot'" in refused.err


def test_contestants_take_turns_and_only_commands_are_timed(tmp_path: Path) -> None:
    said: list[str] = []

    def contestant(name: str, rounds: int | None = None) -> Contestant:
        def command(number: int) -> list[str]:
            said.append(f"{name}{number}")
            return ["true"]

        return Contestant(name, tmp_path, command, rounds=rounds)

    row = Contest("work", [contestant("a"), contestant("b", rounds=1)], rounds=2, warm=1).run()
    assert said == ["b-1", "a-1", "a0", "b0", "a1"]
    assert {name: len(samples) for name, samples in row.samples.items()} == {"a": 2, "b": 1}


def test_a_command_that_fails_ends_the_benchmark_with_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"(?s)ended with 3\nout\nwhy"):
        timed(tmp_path, "sh", "-c", "echo out; echo why >&2; exit 3")


def test_a_peer_without_a_result_in_its_time_is_named_and_has_no_number(tmp_path: Path) -> None:
    slow = Contestant("slow", tmp_path, lambda number: ["sleep", "60"], limit=1, rounds=1)
    quick = Contestant("quick", tmp_path, lambda number: ["true"], limit=60)
    row = Contest("work", [quick, slow], rounds=2).run()
    assert row.notes == ("slow: no result after 1 s",)
    assert [len(samples) for samples in row.samples.values()] == [2, 0]


def test_peak_memory_is_the_largest_of_all_processes(tmp_path: Path) -> None:
    large = 'python3 -I -S -c "x = bytearray(80_000_000)"; true'
    assert timed(tmp_path, "sh", "-c", "true; true").peak_mb < 60 < timed(tmp_path, "sh", "-c", large).peak_mb


def test_ratios_are_medians_of_rounds_or_of_what_is_added() -> None:
    samples = {
        "ours": [Sample(2, 1), Sample(3, 1), Sample(40, 1)],
        "its": [Sample(4, 1), Sample(4, 1), Sample(20, 1)],
        "bare": [Sample(1, 1), Sample(2, 1), Sample(1, 1)],
    }
    assert ratio(Row("work", samples), "its") == 0.75
    added = Row("work", samples, base="bare", target=Target("its", 0.5))
    assert (seconds(added, "ours"), seconds(added, "its")) == ([1, 1, 39], [3, 2, 19])
    assert ratio(added, "its") == 1 / 3
    assert ratio(added, "bare") is None
    assert ratio(added, "ours") is None


def test_processor_time_has_a_ratio_of_its_own() -> None:
    samples = {"ours": [Sample(2, 1, 0.5), Sample(9, 1, 0.5)], "its": [Sample(4, 1, 2.0), Sample(1, 1, 1.0)]}
    assert cpu_ratio(Row("work", samples), "its") == 0.375
    assert cpu_ratio(Row("work", samples), "ours") is None
    assert cpu_ratio(Row("work", {**samples, "its": [Sample(1, 1)]}), "its") is None, "not measured"
    assert timed(Path.cwd(), "sh", "-c", "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done").cpu > 0


def test_the_fitted_order_is_the_exponent() -> None:
    square = [Point(n, n**2 / 1000, 1) for n in (1, 10, 100)]
    assert order(square) == pytest.approx(2)
    late = [Point(n, 1.0 if n < 10 else n / 10, 1) for n in (1, 10, 100)]
    assert order_at_the_end(late) == pytest.approx(1)
    assert order(square[:1]) is None


def test_a_page_of_tables_is_made_from_results_and_keeps_what_stands_above(tmp_path: Path) -> None:
    samples = {"cpv log": [Sample(2, 30, 0.5), Sample(3, 30, 0.7)], "gto show": [Sample(4, 60, 2.0)]}
    old = Row("versions listed", {"cpv log": [Sample(9, 9)]})
    row = Row("versions listed", samples, target=Target("gto show", 0.15, cpu=True), notes=("a note",))
    drawn = curve("files", "A data folder", "files", {1: old, 10: row})
    files = []
    for number, results in enumerate(([old], [row, drawn])):
        files.append(tmp_path / f"{number}.json")
        machine = {"cpu": f"C{number}", "git-lfs": "not there"}
        files[-1].write_text(json.dumps({"machine": machine, "results": list(map(as_data, results))}))
    page = tmp_path / "page.md"
    page.write_text("# Benchmarks\n\nWritten by hand.\n")
    words = ["-m", "tests.bench", "--markdown", page, "--results", *files]
    for _ in range(2):
        Shell(PROJECT).python(*words)
    above, _, below = page.read_text().partition(MARK)
    assert above == "# Benchmarks\n\nWritten by hand.\n\n"
    assert "cpu C1.\n" in below
    assert "C0" not in below, "newer results take the place of older ones"
    assert "| cpv log | 2.50 s | 2.25 s to 2.75 s |  | 0.60 s |  | 30 |  |\n" in below
    assert "| gto show | 4.00 s | 4.00 s to 4.00 s | 0.50 | 2.00 s | 0.25 | 60 | 0.15 of CPU |\n" in below
    assert "a note.\n" in below
    assert "| cpv log | 9.00 s | 2.50 s | -0.56 |\n" in below
    assert "needs --markdown" in Shell(PROJECT).python("-m", "tests.bench", "--results", files[0], status=1).err
