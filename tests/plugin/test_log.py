"""`dvc cpv log` as a person types it."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRepo

from support import two_versions
from support.repos import ModelRepo
from support.shell import BIN, Shell
from support.terminal import converse

GRACE = {"GIT_AUTHOR_NAME": "Grace", "GIT_AUTHOR_EMAIL": "grace@example.com"}


def dated(day: int) -> dict[str, str]:
    moment = f"2026-01-0{day}T12:00:00+0000"
    return {"GIT_COMMITTER_DATE": moment, "GIT_AUTHOR_DATE": moment}


def version(model: ModelRepo, day: int, files: dict[str, str], *args: str, **env: str) -> None:
    """Change artifacts, commit and tag them, on a day of January."""
    for name, content in files.items():
        model.write(name, content)
    model.dvc("add", "-q", *files)
    model.git("add", "-A")
    model.git("commit", "-qm", f"day {day}", env={**dated(day), **env})
    model.cpv("tag", *args, env=dated(day))


@pytest.fixture
def model(make_repo: MakeRepo) -> ModelRepo:
    """v0.0 and data-v0.0 on day 1, v0.1 on day 2, v0.2 by Grace on day 3."""
    model = make_repo(install=False)
    version(model, 1, {"model.bin": "one", "data/a": "1", "metrics.log": "acc=0.5 loss=1\n"}, "--both")
    version(model, 2, {"model.bin": "second", "metrics.log": 'acc=0.5\nacc=0.9\n{"loss": 0.25}\n'})
    version(model, 3, {"metrics.log": "acc=0.75 loss=nan note=late\n"}, **GRACE)
    return model


def log(model: Shell, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(model.cpv("log", "--json", *args).out)
    return found


def tags(model: Shell, *args: str) -> list[str]:
    return [entry["tag"] for entry in log(model, *args)]


def test_newest_first_with_what_each_changed(model: ModelRepo) -> None:
    last, second, first, data = log(model)
    assert [entry["tag"] for entry in (last, second, first, data)] == ["v0.2", "v0.1", "v0.0", "data-v0.0"]
    assert second == {
        "tag": "v0.1",
        "line": "model",
        "stages": [],
        "timestamp": "2026-01-02T12:00:00+00:00",
        "author": model.git("log", "-1", "--format=%an <%ae>", "v0.1").out.strip(),
        "commit": model.git("rev-parse", "v0.1^{commit}").out.strip(),
        "message": "v0.1: day 2",
        "before": "v0.0",
        "changed": ["model", "metrics"],
        "size": len("second") + 31,
        "size_change": 3 + 16,
        "metrics": {"acc": 0.9, "loss": 0.25},
        "metrics_change": {"acc": 0.4, "loss": -0.75},
        "files": [
            {"path": "metrics.log", "kind": "metrics", "size": 31, "md5": second["files"][0]["md5"], "nfiles": 1},
            {"path": "model.bin", "kind": "model", "size": 6, "md5": two_versions.md5(b"second"), "nfiles": 1},
        ],
        "in_cache": True,
        "on_remote": True,
        "models": [],
        "series": None,
        "best": None,
        "retired": None,
        "error": None,
    }
    assert (last["author"], last["changed"], last["before"]) == ("Grace <grace@example.com>", ["metrics"], "v0.1")
    assert last["metrics"] == {"acc": 0.75, "loss": "nan", "note": "late"}
    assert set(last["metrics_change"]) == {"acc"}
    assert (first["before"], first["size_change"], first["metrics_change"]) == (None, None, {})
    assert (data["line"], data["changed"], data["files"][0]["nfiles"]) == ("data", ["data"], 1)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("-n", "1"), ["v0.2"]),
        (("--kind", "model"), ["v0.1", "v0.0"]),
        (("--kind", "model", "--kind", "data"), ["v0.1", "v0.0", "data-v0.0"]),
        (("--since", "2026-01-02"), ["v0.2", "v0.1"]),
        (("--until", "2026-01-02"), ["v0.1", "v0.0", "data-v0.0"]),
        (("--since", "2026-01-02T12:00:00+00:00", "--until", "Jan 2 2026 12:00:00 +0000"), ["v0.1"]),
        (("--author", "GRACE@"), ["v0.2"]),
        (("--metric", "acc>0.5"), ["v0.2", "v0.1"]),
        (("--metric", "acc >= 0.5 and loss<0.5"), ["v0.1"]),
        (("--metric", "acc>0.5", "--metric", "acc<=0.75"), ["v0.2"]),
        (("--metric", "note=late"), ["v0.2"]),
        (("--metric", "note!=early"), ["v0.2"]),
        (("--metric", "acc!=0.9"), ["v0.2", "v0.0"]),
        (("--metric", "acc==0.9"), ["v0.1"]),
        (("--best", "acc"), ["v0.1"]),
        (("--best", "-loss"), ["v0.1"]),
        (("--best", "-acc"), ["v0.0"]),
        (("--best", "loss"), ["v0.1"]),  # a loss: less is better
        (("--best=-acc", "-n", "9", "--kind", "model"), ["v0.0", "v0.1"]),
        (("--since", "1d"), []),
        (("--since", "yesterday"), []),
    ],
)
def test_filters(model: ModelRepo, args: tuple[str, ...], expected: list[str]) -> None:
    assert tags(model, *args) == expected


def test_the_best_says_where_its_number_is_from(model: ModelRepo) -> None:
    (best,) = log(model, "--best", "acc")
    assert best["best"] == {"metric": "acc", "value": 0.9, "file": "metrics.log", "line": 2}
    (best,) = log(model, "--best", "-loss")
    assert best["best"] == {"metric": "loss", "value": 0.25, "file": "metrics.log", "line": 3}
    assert model.cpv("log", "--best", "acc").lines[0].endswith("\tday 2\tacc 0.9: metrics.log, line 2")
    shutil.rmtree(model.path / ".dvc/cache")
    (best,) = log(model, "--best", "acc")
    assert best["best"] == {"metric": "acc", "value": 0.9, "file": None, "line": None}
    assert "the tag says so, no metrics file in the cache does" in model.cpv("log", "--best", "acc").out


def test_the_settings_name_what_is_better_and_the_main_metric(model: ModelRepo) -> None:
    model.write(".cpv.toml", '[metrics]\nmain = "acc"\nacc = "min"\nloss = "max"\n')
    assert tags(model, "--best") == ["v0.0"]
    assert tags(model, "--best", "-n", "2", "--kind", "model") == ["v0.0", "v0.1"]
    assert tags(model, "--best", "-n1") == ["v0.0"]
    assert tags(model, "--best", "loss") == ["v0.0"]
    assert tags(model, "--best", "-loss") == ["v0.1"]


def test_metrics_step_by_step(model: ModelRepo) -> None:
    model.write(".cpv.toml", '[metrics]\nacc = "max"\n')
    version(model, 4, {"metrics.log": "step=5 acc=0.5\nstep=6 acc=0.75\nstep=7 acc=nan\n"})
    version(model, 5, {"metrics.log": "\0junk" * 9})
    done = model.cpv("log", "--json", "--series", status=1)
    assert done.err.splitlines() == [
        "cpv: warning: v0.4: metrics.log: no metrics were found in it; fix: a plugin's cpv_metrics reads other files"
    ]
    junk, steps, *_, data = json.loads(done.out)
    assert junk["series"] == data["series"] == []
    assert steps["series"] == [
        {
            "name": "acc",
            "file": "metrics.log",
            "axis": "step",
            "steps": [5, 6, 7],
            "values": [0.5, 0.75, None],
            "last": None,
            "goal": "max",
            "best": 0.75,
            "best_step": 6,
        }
    ]
    shutil.rmtree(model.path / ".dvc/cache")
    assert all(entry["series"] == [] for entry in log(model, "--series"))


def test_in_a_pipe_a_line_each(model: ModelRepo) -> None:
    me = model.git("log", "-1", "--format=%an <%ae>", "v0.1").out.strip()
    commit = model.git("rev-parse", "v0.1^{commit}").out[:10]
    assert model.cpv("log").lines[1].split("\t") == [
        "v0.1",
        "",
        "2026-01-02T12:00:00+00:00",
        me,
        commit,
        "model,metrics",
        "37 B (+19 B)",
        "acc=0.9 (+0.4) loss=0.25 (-0.75)",
        "in the cache, on the remote",
        "day 2",
    ]


def test_csv_has_a_column_for_each_metric(model: ModelRepo) -> None:
    rows = list(csv.DictReader(io.StringIO(model.cpv("log", "--csv").out)))
    assert [row["tag"] for row in rows] == ["v0.2", "v0.1", "v0.0", "data-v0.0"]
    assert rows[1]["changed"] == "model metrics"
    assert (rows[1]["metrics.acc"], rows[1]["metrics.note"], rows[1]["in_cache"]) == ("0.9", "", "true")
    assert rows[1]["size_change"] == "19"


def test_text_from_the_repository_is_no_formula_and_drives_no_terminal_in_csv(model: ModelRepo) -> None:
    model.git("commit", "-q", "--allow-empty", "-m", "code", "--author", "=1+1 <a@example.org>")
    model.git("tag", "-a", "v0.3", "-m", "=HYPERLINK(1) \x1b[31m", env={"GIT_COMMITTER_NAME": "-2+3"})
    row = next(csv.DictReader(io.StringIO(model.cpv("log", "--csv", "-n", "1").out)))
    assert row["author"].startswith("'")
    assert row["message"] == "'=HYPERLINK(1) \\x1b[31m"
    assert row["size"].isdigit()


def test_on_a_terminal_through_the_pager_that_git_takes(model: ModelRepo) -> None:
    model.git("config", "core.pager", "sed s/^/PAGED:/")
    status, shown = converse([BIN / "dvc", "cpv", "log", "-n", "1"], model.path, [])
    assert status == 0
    lines = [line.removeprefix("PAGED:") for line in shown.splitlines() if line.startswith("PAGED:")]
    assert lines[0].startswith("\x1b[33mv0.2\x1b[m  2026-01-03 ")
    assert "  Grace  " in lines[0]
    assert lines[1:] == [
        "    metrics changed; 34 B (-3 B); in the cache, on the remote",
        "    acc=0.75 (-0.15)  loss=nan  note=late",
        "    day 3",
        "",
    ]


def test_a_pager_that_is_left_early(model: ModelRepo) -> None:
    model.git("config", "core.pager", "head -n 1")
    status, shown = converse([BIN / "dvc", "cpv", "log"], model.path, [])
    assert status == 0
    assert "Traceback" not in shown
    assert "Broken pipe" not in shown


def test_where_the_data_is(model: ModelRepo) -> None:
    storage = model.path.parent / "storage"
    shutil.rmtree(storage / "files")
    assert log(model, "-n", "1")[0]["on_remote"] is True, "as it was seen last"
    assert log(model, "-n", "1", "--remote")[0]["on_remote"] is False
    (model.path / ".git/cpv/queue.db").unlink()
    shutil.rmtree(model.path / ".dvc/cache")
    assert [(one["in_cache"], one["on_remote"]) for one in log(model)] == [(False, None)] * 4
    assert model.cpv("log", "-n", "1").out.count("not in the cache, remote not known") == 1


def test_metrics_of_a_tag_that_says_none_are_read_from_the_cache(tmp_path: Path) -> None:
    model = two_versions.copy(tmp_path)
    assert [(one["tag"], one["metrics"]) for one in log(model)] == [("v0.1", {"loss": 1}), ("v0.0", {"loss": 1})]


def test_a_damaged_pointer_is_one_line_and_the_rest_goes_on(model: ModelRepo) -> None:
    model.write("model.bin.dvc", "outs:\n- md5: nothing\n  path: model.bin\n")
    model.git("commit", "-qam", "damaged")
    model.git("tag", "v0.3")
    done = model.cpv("log", "--json", status=1)
    assert [one["tag"] for one in json.loads(done.out)] == ["v0.3", "v0.2", "v0.1", "v0.0", "data-v0.0"]
    assert json.loads(done.out)[0]["size"] is None
    assert done.err.startswith("cpv: warning: v0.3 cannot be read: model.bin.dvc: md5 is not a DVC hash")
    assert len(done.err.splitlines()) == 1


def test_a_shallow_clone_says_so(model: ModelRepo, tmp_path: Path) -> None:
    model.git("clone", "-q", "--depth=1", f"file://{model.path}", str(tmp_path / "shallow"))
    shallow = Shell(tmp_path / "shallow")
    done = shallow.cpv("log")
    assert [line.split("\t")[0] for line in done.lines] == ["v0.2"]
    assert done.err == (
        "cpv: warning: this clone is shallow, so older versions may be missing; "
        "git fetch --unshallow --tags brings them\n"
    )


def test_text_from_the_repository_cannot_drive_the_terminal(model: ModelRepo) -> None:
    model.git("commit", "-q", "--allow-empty", "-m", "evil \x1b[31m\u202e [bold]")
    model.git("tag", "v0.3")
    assert "evil \\x1b[31m\\u202e [bold]" in model.cpv("log", "-n", "1").out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--metric", "acx>1"), "no version has a metric 'acx' (did you mean acc?)"),
        (("--best", "speed"), "no version has a metric 'speed' (known: acc, loss, note)"),
        (("--best", "-"), "'-' is not a metric"),
        (("--best",), "--best needs a metric, because none is the main one"),
        (("--series",), "--series needs --json; fix: dvc cpv log --json --series"),
        (("--metric", "acc"), "'acc' is not a condition"),
        (("--metric", "acc>>1"), "'acc>>1' is not a condition"),
        (("--metric", "acc>0.5 and"), "'acc>0.5 and' is not a condition"),
        (("--metric", "note>late"), "'late' is not a number, so note cannot be > it"),
        (("--since", "nonsense"), "'nonsense' is not a date"),
        (("--until", ""), "'' is not a date"),
        (("--until", "2026-99-99"), "'2026-99-99' is not a date"),
        (("--since", "2026/02/30 10:00"), "'2026/02/30 10:00' is not a date"),
        (("--since", "9" * 20), f"'{'9' * 20}' is not a date"),
        (("--author", "("), "'(' is not a regular expression"),
    ],
)
def test_bad_input_is_one_line(model: ModelRepo, args: tuple[str, ...], said: str) -> None:
    done = model.cpv("log", *args, status=1)
    assert done.out == ""
    assert done.err.startswith(f"cpv: {said}"), done.err
    assert len(done.err.splitlines()) == 1


def test_a_number_of_versions_must_be_one(model: ModelRepo) -> None:
    assert "'-1' is not a number of versions" in model.cpv("log", "-n=-1", status=254).err


def test_no_version_yet(make_repo: MakeRepo) -> None:
    model = make_repo(install=False)
    done = model.cpv("log", status=1)
    assert done.err.startswith(f"cpv: {model.path}: there is no version yet; ")
    assert done.err.endswith("dvc cpv tag\n")


def test_the_documented_fields_are_the_ones_that_are_printed(model: ModelRepo) -> None:
    page = (Path(__file__).parents[2] / "docs/log.md").read_text()
    for entry in log(model, "--best", "acc"):
        for name in [*entry, *entry["files"][0], *entry["best"]]:
            assert f"`{name}`" in page, name
    header = model.cpv("log", "--csv").lines[0].split(",")
    assert all(f"`{name}`" in page for name in header if not name.startswith("metrics."))


def test_dvc_repo_is_not_imported(model: ModelRepo) -> None:
    """`dvc.repo` takes longer to import than ten thousand versions take to read."""
    code = (
        "import sys; from dvc.cli import parse_args\n"
        "args = parse_args(['cpv', 'log', '--csv'])\n"
        "assert args.func(args).do_run() == 0\n"
        "assert 'dvc.repo' not in sys.modules"
    )
    assert "v0.1" in model.python("-c", code).out
