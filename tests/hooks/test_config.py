"""`.cpv.toml`: defaults, values, and errors that name file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.project.config import FILE, Config, Goals
from cpv_hooks.project.config_file import MAX_BYTES, load_config, reload_config
from cpv_hooks.state_files import cpv_home

FULL = """[cpv]
team = "vision"
model = "resnet50"
[artifacts]
model = ["model.bin", "heads/*.pt"]
data = ["data"]
metrics = ["./metrics.log"]
extra = ["tokenizer"]
[tags]
scheme = "semver"
on_commit = false
[push]
when = "background"
[commit]
stage = "staged"
one_shot = false
open_files = "stop"
[status]
live = false
hash_budget = 1_000
[runs]
cores = 3
"""


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / FILE
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_every_key_is_optional(tmp_path: Path) -> None:
    assert load_config(tmp_path) == Config()
    write(tmp_path, "")
    assert load_config(tmp_path) == Config()
    assert Config().artifacts["model"] == ("model.bin",)
    assert (Config().scheme, Config().tag_on_commit, Config().push_when, Config().stage) == (
        "minor",
        True,
        "commit",
        "all",
    )


def test_every_key_is_read(tmp_path: Path) -> None:
    write(tmp_path, FULL)
    assert load_config(tmp_path) == Config(
        team="vision",
        model="resnet50",
        artifacts={
            "model": ("model.bin", "heads/*.pt"),
            "data": ("data",),
            "metrics": ("metrics.log",),
            "extra": ("tokenizer",),
        },
        scheme="semver",
        tag_on_commit=False,
        push_when="background",
        stage="staged",
        one_shot=False,
        open_files="stop",
        live=False,
        hash_budget=1000,
        runs_cores=3,
    )


def test_what_is_remembered_counts_for_the_same_text_alone(tmp_path: Path) -> None:
    write(tmp_path, '[cpv]\nteam = "vision"\n')
    config, known = reload_config(tmp_path)
    assert known is not None
    assert reload_config(tmp_path, [known[0], {"cpv": {"team": "as it was read"}}])[0].team == "as it was read"
    for damaged in (None, {}, [], known[:1], [*known, 1], [known[0], None], ["other", known[1]]):
        assert reload_config(tmp_path, damaged) == (config, known)
    write(tmp_path, '[cpv]\nteam = "speech"\n')
    assert reload_config(tmp_path, known)[0].team == "speech"


def test_what_is_better_of_metrics(tmp_path: Path) -> None:
    write(tmp_path, '[metrics]\nmain = "val.acc"\n"val.acc" = "max"\nloss = "min"\n')
    assert load_config(tmp_path).metrics == Goals({"val.acc": "max", "loss": "min"}, "val.acc")
    write(tmp_path, '[metrics]\nmain = "max"\n')  # a metric that is called so
    assert load_config(tmp_path).metrics == Goals({"main": "max"})


# The text, the line that is named, and what is said.
BROKEN = [
    ("[cpv\n", 1, "not TOML"),
    ('[cpv]\nteam = "vision\n', 2, "not TOML"),
    ("[cpv]\n\nteam = vision\n", 3, "not TOML"),
    ("[push]\nwhen = 'commit'\nwhen = 'push'\n", 3, "not TOML"),
    ("[cpv]\n[push]\n[cpv]\n", 3, "not TOML"),
    (
        "[pull]\nwhen = 1\n",
        1,
        "unknown section [pull] (known: artifacts, cpv, tags, push, remote, commit, runs, snapshot, status, stages, "
        "metrics, fetch)",
    ),
    ("# a\n# b\n\n[ pull ]\n", 4, "unknown section [pull]"),
    ("team = 'vision'\n", 1, "team"),
    ("\npush = 'commit'\n", 2, "push must be a section"),
    ("[cpv]\nteam = 'a'\nteams = 'b'\n", 3, "unknown key teams in [cpv] (known: team, model)"),
    ("[cpv]\n'teams' = 'b'\n", 2, "unknown key teams in [cpv]"),
    ("cpv.teams = 'b'\n", 1, "unknown key teams in [cpv]"),
    ("cpv = { teams = 'b' }\n", 1, "unknown key teams in [cpv]"),
    ("[cpv]\nteam = 3\n", 2, "cpv.team must be a string"),
    ("[tags]\n# x\non_commit = 'yes'\n", 3, "tags.on_commit must be true or false"),
    ("[tags]\non_commit = 1\n", 2, "tags.on_commit must be true or false"),
    ("[tags]\nscheme = ['minor']\n", 2, "tags.scheme must be a string"),
    ("[push]\nwhen = 'always'\n", 2, "push.when must be one of commit, background, push, never"),
    ("[commit]\nstage = 'none'\n", 2, "commit.stage must be one of all, staged"),
    ("[commit]\none_shot = 0\n", 2, "commit.one_shot must be true or false"),
    ("[status]\nhash_budget = true\n", 2, "status.hash_budget must be a whole number"),
    ("[status]\nhash_budget = 1.5\n", 2, "status.hash_budget must be a whole number"),
    ("[status]\nhash_budget = -1\n", 2, "status.hash_budget must not be negative"),
    ("[metrics]\n\nacc = 'most'\n", 3, "metrics.acc must be one of max, min"),
    ("[metrics]\nacc = 1\n", 2, "metrics.acc must be one of max, min"),
    ("[metrics]\nmain = 1\n", 2, "metrics.main must be the name of a metric"),
    ("[metrics]\nmain = ''\n", 2, "metrics.main must be the name of a metric"),
    ("metrics = 'acc'\n", 1, "metrics must be a section"),
    ("[artifacts]\nmodels = ['a']\n", 2, "unknown kind models (known: model, data, metrics, extra)"),
    ("[artifacts]\nmodel = 'model.bin'\n", 2, "artifacts.model must be a list of paths"),
    ("[artifacts]\nmodel = [1]\n", 2, "artifacts.model must be a list of paths"),
    ("[artifacts]\n\ndata = ['a',\n '../b']\n", 3, "artifacts.data: '../b' is outside the repository"),
    ("[artifacts]\ndata = ['/etc']\n", 2, "artifacts.data: '/etc' is outside the repository"),
    ("[artifacts]\ndata = ['a/../../b']\n", 2, "is outside the repository"),
    ("[artifacts]\ndata = ['']\n", 2, "artifacts.data: '' is outside the repository"),
    ("[artifacts]\ndata = ['.']\n", 2, "artifacts.data: '.' is outside the repository"),
    ("[artifacts]\ndata = ['.git/hooks']\n", 2, "is outside the repository"),
    ("[artifacts]\ndata = ['sub/.git']\n", 2, "is outside the repository"),
    ("[artifacts]\ndata = ['.dvc/cache']\n", 2, "is outside the repository"),
    ('[artifacts]\ndata = ["a\\u0000b"]\n', 2, "artifacts.data"),
    ("[cpv]\nmodel = 'x'\n[artifacts]\nmodel = 'model.bin'\n", 4, "artifacts.model must be a list of paths"),
    ("[tags]\nwhen = 'x'\n[push]\nwhen = 'commit'\n", 2, "unknown key when in [tags]"),
    ('[stages]\nlive = {}\n"a b" = {}\n', 3, "'a b' cannot name a stage (letters, digits, - and _, at most 100)"),
    ('[stages]\n"a#1" = {}\n', 2, "'a#1' cannot name a stage"),
    ('[stages]\n"" = {}\n', 1, "'' cannot name a stage"),
    (f"[stages]\n{'a' * 101} = {{}}\n", 2, "cannot name a stage"),
    ("[stages]\nlive = 1\n", 2, "stages.live must be a table, such as {}"),
    (
        "[stages]\nlive = {branch = ['main']}\n",
        2,
        "unknown key branch in stages.live (known: branches, metric, verified)",
    ),
    ("[stages]\nlive = {branches = 'main'}\n", 2, "stages.live.branches must be a list of branches"),
    ("[stages]\nlive = {metric = 0.9}\n", 2, "stages.live.metric must be a string, such as 'acc>0.9'"),
    ("[stages]\nlive = {verified = 'yes'}\n", 2, "stages.live.verified must be true or false"),
    ("[stages]\nlive = {metric = 'acc'}\n", 2, "stages.live.metric: 'acc' is not a condition (write it as 'acc>0.9')"),
    ("[stages]\nlive = {metric = 'acc=>1'}\n", 2, "stages.live.metric: 'acc=>1' is not a condition"),
    ("[stages]\nlive = {metric = 'acc>0.5 and'}\n", 2, "stages.live.metric: 'acc>0.5 and' is not a condition"),
    (
        "[stages]\nlive = {metric = 'acc>good'}\n",
        2,
        "stages.live.metric: 'good' is not a number, so acc cannot be > it",
    ),
]


@pytest.mark.parametrize(("text", "line", "what"), BROKEN)
def test_an_error_names_file_line_and_key(tmp_path: Path, text: str, line: int, what: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(CPVError) as caught:
        load_config(tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{path}:{line}: "), said
    assert what in said
    assert said.endswith(f"; fix: edit {FILE}")
    assert "\n" not in said


def test_an_error_at_the_end_of_the_file_names_the_last_line(tmp_path: Path) -> None:
    path = write(tmp_path, "[cpv]\nteam = 'a'\nmodel =")
    with pytest.raises(CPVError, match="not TOML") as caught:
        load_config(tmp_path)
    assert str(caught.value).startswith(f"{path}:3: ")


def test_text_in_another_encoding(tmp_path: Path) -> None:
    path = write(tmp_path, "[cpv]\nteam = 'größe'\n".encode("latin-1"))
    with pytest.raises(CPVError, match="not UTF-8") as caught:
        load_config(tmp_path)
    assert str(path) in str(caught.value)


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    write(tmp_path, FULL.replace("\n", "\r\n"))
    assert load_config(tmp_path).team == "vision"
    write(tmp_path, b"\xef\xbb\xbf" + FULL.encode())
    assert load_config(tmp_path).team == "vision"


def test_a_file_of_100_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / FILE
    with path.open("wb") as stream:
        stream.truncate(100 << 20)
    with pytest.raises(CPVError, match=f"larger than {MAX_BYTES} bytes") as caught:
        load_config(tmp_path)
    assert str(caught.value) == f"{path}: larger than {MAX_BYTES} bytes; fix: keep only settings in it"


def test_deep_nesting_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    write(tmp_path, "[cpv]\nteam = " + "[" * 50_000)
    with pytest.raises(CPVError, match="not TOML"):
        load_config(tmp_path)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(CPVError, match=r"\.cpv\.toml"):
        load_config(tmp_path)


def test_personal_settings_are_where_cpv_home_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPV_HOME", str(tmp_path / "elsewhere"))
    assert cpv_home() == tmp_path / "elsewhere"
    monkeypatch.delenv("CPV_HOME")
    assert cpv_home() == Path.home() / ".cpv"
