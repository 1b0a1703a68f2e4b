"""`dvc cpv retire` as a person types it, and from Python: which versions go, and which of them only by their name."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest

from cpv_hooks.project import retired
from dvc_cpv_plugin import ModelsCheckpointsManage, RetireError
from support import four_versions, terminal
from support.repos import ModelRepo
from support.shell import BIN
from support.two_versions import project_of, save

Typed = Callable[..., tuple[str, str]]


@pytest.fixture
def repo(tmp_path: Path) -> ModelRepo:
    """v0.0 to v0.3, with `acc` 0.5, 0.9, 0.7 and 0.8."""
    return four_versions.copy(tmp_path)


@pytest.fixture
def typed(repo: ModelRepo, capfd: pytest.CaptureFixture[str]) -> Typed:
    """`dvc cpv retire` in this process; what it printed."""

    def run(*words: str, status: int = 0) -> tuple[str, str]:
        from dvc.cli import main

        with chdir(repo.path):
            assert main(["cpv", "retire", *words]) == status
        return capfd.readouterr()

    return run


def now(repo: ModelRepo) -> list[str]:
    return sorted(retired.read_retirements(project_of(repo).repo))


def test_it_tells_first_and_asks_where_somebody_is_there(repo: ModelRepo, typed: Typed) -> None:
    out, _ = typed("v0.1", "0.0", "--dry-run")
    assert out.splitlines()[:2] == ["v0.1\t52 B\tacc=0.9\t-", "v0.0\t52 B\tacc=0.5\t-"]
    assert out.splitlines()[2].startswith("318 B that nothing else here needs")
    _, err = typed("v0.1", status=1)
    assert "there is no terminal to ask on, so nothing is retired; fix: dvc cpv retire … --yes" in err
    assert now(repo) == []
    found = json.loads(typed("v0.1", "--yes", "-m", "why", "--json")[0])
    assert (found["retired"], found["bytes"], found["versions"][0]["tag"]) == (True, 159, "v0.1")
    assert now(repo) == ["v0.1"]
    _, err = typed("v0.1", "--yes", status=1)
    assert "v0.1 was retired on" in err
    assert ": why; fix: dvc cpv retire --list" in err


def test_best_versions_stay_and_what_has_no_such_number_stays_too(repo: ModelRepo, typed: Typed) -> None:
    save(repo, {"metrics.log": b"acc=nan\n", "model.bin": b"nan"})
    repo.cpv("tag")
    save(repo, {"metrics.log": b"loss=1\n", "model.bin": b"no acc"})
    repo.cpv("tag")
    save(repo, {"metrics.log": b"acc=0.6\n", "model.bin": b"last"})
    repo.cpv("tag")
    out, _ = typed("--keep-best", "2", "--metric", "acc", "--yes")
    assert now(repo) == ["v0.0", "v0.2"]
    assert out.splitlines()[2:-1] == [
        "v0.1 stays: its acc, 0.9, is one of the 2 highest",
        "v0.3 stays: its acc, 0.8, is one of the 2 highest",
        "v0.4 stays: its acc is nan, no number",
        "v0.5 stays: it has no acc",
        "v0.6 stays: it is the newest version of the model",
    ]
    repo.write(".cpv.toml", repo.read(".cpv.toml") + b'[metrics]\nmain = "acc"\nacc = "min"\n')
    found = json.loads(typed("--keep-best", "1", "--dry-run", "--json")[0])
    assert [one["tag"] for one in found["versions"]] == ["v0.1", "v0.3"]
    assert found["retired"] is False


def test_old_ones_go_but_none_that_was_in_the_stage(repo: ModelRepo, typed: Typed) -> None:
    repo.cpv("promote", "v0.0", "production")
    repo.cpv("promote", "v0.1", "production")
    assert typed("--older-than", "1d", "--yes")[0] == "nothing to retire\n"
    found = json.loads(typed("--older-than", "0d", "--dry-run", "--json")[0])
    assert [one["tag"] for one in found["versions"]] == ["v0.0", "v0.2"]
    assert {one["tag"]: one["why"] for one in found["passed_over"]} == {
        "v0.1": "it is in stage production",
        "v0.3": "it is the newest version of the model",
    }
    assert typed("--older-than", "1d", "--except-stage", "production")[0] == "nothing to retire\n"
    out, _ = typed("--keep-best", "4", "--metric", "acc")
    assert out.splitlines()[-1] == "nothing to retire"
    typed("--older-than", "0d", "--except-stage", "production", "--yes")
    assert now(repo) == ["v0.2"]


def test_what_matters_goes_only_by_its_name(repo: ModelRepo, typed: Typed) -> None:
    repo.git("tag", "-a", "-m", "in", "resnet#production#1", "v0.2^{commit}")
    repo.git("checkout", "-q", "v0.2~1")  # the commit of code after v0.1
    reasons = {
        "v0.1": "HEAD is on it",
        "v0.2": "it is in stage production",
        "v0.3": "it is the newest version of the model",
    }
    for version, reason in reasons.items():
        _, err = typed(version, "v0.0", "--yes", status=1)
        said = f"{version}: {reason}; fix: dvc cpv retire … --confirm {version}"
        assert f"has to be confirmed by its name: {said}" in err
    assert now(repo) == []
    repo.git("checkout", "-q", "v0.1")
    assert "v0.1: HEAD is on it" in typed("v0.1", "--yes", status=1)[1]
    typed("v0.2", "v0.3", "v0.0", "--yes", "--confirm", "v0.2", "--confirm", "v0.3")
    assert now(repo) == ["v0.0", "v0.2", "v0.3"]
    assert "v0.1: it is the newest version of the model and HEAD is on it" in typed("v0.1", "--yes", status=1)[1]


def test_at_a_terminal_the_name_is_typed(repo: ModelRepo) -> None:
    command = [BIN / "dvc", "cpv", "retire", "v0.3", "v0.0"]
    status, shown = terminal.converse(command, repo.path, [("type its name to retire it: ", "v0.0")])
    assert "has to be confirmed by its name: v0.3" in shown
    assert (status, now(repo)) == (1, [])
    answers = [("type its name to retire it: ", "v0.3"), ("retire 2 versions? [y/N] ", "y")]
    status, shown = terminal.converse(command, repo.path, answers)
    assert (status, now(repo)) == (0, ["v0.0", "v0.3"]), shown


def test_data_has_versions_of_its_own(repo: ModelRepo, typed: Typed) -> None:
    save(repo, {"data/a": b"other data"})
    repo.cpv("tag", "--data")
    save(repo, {"data/a": b"and other data"})
    repo.cpv("tag", "--data")
    out, _ = typed("--older-than", "0d", "--data", "--dry-run")
    assert out.splitlines()[0].startswith("data-v0.0\t")
    typed("data-v0.0", "--yes")
    assert now(repo) == ["data-v0.0"]


def test_the_list_says_where_the_data_is(repo: ModelRepo, typed: Typed) -> None:
    assert typed("--list") == ("", "")
    typed("v0.1", "v0.2", "--yes", "-m", "too\told")
    rows = typed("--list")[0].splitlines()
    assert [row.split("\t")[0] for row in rows] == ["v0.1", "v0.2"]
    assert rows[0].split("\t")[3:] == ["44 B", "in the cache and on the remote", "too old"]
    found = json.loads(typed("--list", "--json")[0])
    assert (found[0]["tag"], found[0]["in_cache"], found[0]["on_remote"]) == ("v0.1", True, True)
    typed("--undo", "v0.2")
    assert now(repo) == ["v0.1"]


SENSELESS: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), "which versions?; fix: dvc cpv retire TAG, or --keep-best N --metric M, or --older-than AGE"),
    (("--undo",), "which versions?; fix: dvc cpv retire --undo TAG"),
    (("v9.9",), "'v9.9' is no "),
    (("v0.1", "--older-than", "3d"), "name versions or give a rule, not both"),
    (("--keep-best", "2"), "--keep-best and --metric go together"),
    (("--metric", "acc", "--older-than", "0d"), "--keep-best and --metric go together"),
    (
        ("--keep-best", "2", "--metric", "wer"),
        "whether more or less wer is better is not known; fix: --mode max, or",
    ),
    (("--keep-best", "0", "--metric", "acc"), "--keep-best must be 1 or more"),
    (("--keep-best", "2", "--metric", "ac", "--mode", "max"), "no version has a metric 'ac' (did you mean acc?)"),
    (("--older-than", "soon"), "'soon' is not an age"),
    (("--older-than", "0d", "--except-stage", "prodution"), "no version is or was in stage 'prodution' (stages: none)"),
    (("--undo", "v0.1"), "v0.1 is not retired; fix: dvc cpv retire --list"),
)


def test_what_makes_no_sense_is_one_line(repo: ModelRepo, typed: Typed) -> None:
    for words, said in SENSELESS:
        out, err = typed(*words, status=1)
        assert (out, len(err.splitlines())) == ("", 1)
        assert said in err


def test_from_python(repo: ModelRepo) -> None:
    models = ModelsCheckpointsManage("vision", "resnet", repo_path=str(repo.path))
    assert models.retire_model_checkpoints(["v0.1"], dry_run=True) == ["v0.1"]
    assert now(repo) == []
    assert models.retire_model_checkpoints(["v0.1"], message="why") == ["v0.1"]
    with pytest.raises(RetireError, match=r"v0\.3: it is the newest"):
        models.retire_model_checkpoints(["v0.3"])
    assert models.retire_model_checkpoints(keep_best=1, metric="acc") == ["v0.0", "v0.2"]
    assert models.retire_model_checkpoints(["v0.3"], confirm=["v0.3"]) == ["v0.3"]
    assert models.get_model_metadata("v0.1")["retired"] is not None
    assert {one["tag"]: one["reason"] for one in models.read_retired_checkpoints()}["v0.1"] == "why"
    assert models.unretire_model_checkpoints(["v0.1", "v0.3"]) == ["v0.1", "v0.3"]
    assert now(repo) == ["v0.0", "v0.2"]
    with pytest.raises(RetireError, match="which versions"):
        models.retire_model_checkpoints()
    with pytest.raises(TypeError):
        models.retire_model_checkpoints("v0.1")  # type: ignore[arg-type]
