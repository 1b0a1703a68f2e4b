"""Sections 1, 5, 6, 7 and 10 of the specification: layout, tags, integration, errors, options, template, names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dvc_cpv_plugin
from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.operations.info.metadata import ModelMetadata
from cpv_hooks.project.config import Config
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.state_files import cpv_home
from support.shell import Shell
from support.story import MODEL, TEAM, Story
from support.unchanged import nothing_changes


@pytest.mark.specification(
    "1.1", "Git: `data.dvc`, `model.bin.dvc`, `metrics.log.dvc`, `train.py`, …", "`init`", "`import_model_init`"
)
def test_layout_of_the_git_repository(shell: Shell) -> None:
    dvc_cpv_plugin.ModelsCheckpointsManage(TEAM, MODEL, working_dir=shell.path).import_model_init()
    repo = Shell(shell.path / MODEL)
    tracked = set(repo.git("ls-files").lines)
    assert {"data.dvc", "model.bin.dvc", "metrics.log.dvc", "train.py", "README.md", ".gitignore"} <= tracked
    assert not {"model.bin", "metrics.log"} & tracked
    assert not [name for name in tracked if name.startswith("data/")]
    assert {"data", "model.bin", "metrics.log", ".git", ".dvc"} <= {path.name for path in repo.path.iterdir()}


@pytest.mark.specification("4.14", "`cpv init`", "`init`")
@pytest.mark.specification("7", "**7 Template of `init`**", "`init --pipeline`", "`import_model_init(pipeline=True)`")
def test_template_of_init(shell: Shell) -> None:
    dvc_cpv_plugin.ModelsCheckpointsManage(TEAM, MODEL, working_dir=shell.path).import_model_init(pipeline=True)
    repo = Shell(shell.path / MODEL)
    for name in (
        "README.md",
        "train.py",
        "data",
        "model.bin",
        "metrics.log",
        ".gitignore",
        ".dvc/.gitignore",
        "dvc.yaml",
    ):
        assert (repo.path / name).exists(), name
    before = repo.md5("model.bin")
    repo.python("train.py", "--epochs", "1")
    assert repo.md5("model.bin") != before


@pytest.mark.specification(
    "1.3",
    "S3 `s3://vmo-model-checkpoints/{team_name}/{model_name}/`",
    "`aws-config`, `init --layout`",
    "`setup_aws_profile`",
)
def test_layout_on_s3(story: Story) -> None:
    assert all(key.startswith("vision/resnet/files/md5/") for key in story.objects())
    assert story.holds("model.bin")
    assert story.holds("data/a.csv")
    assert story.holds("metrics.log")


def test_the_bucket_of_the_specification_is_the_default() -> None:
    assert personal_settings.load_settings().aws.bucket == "vmo-model-checkpoints"


@pytest.mark.specification(
    "5.1", "auto-increment, `v{major}.{minor}`", "`tag`, `model upload`, `git commit`", "`tag_…`"
)
@pytest.mark.parametrize(
    ("last", "following"), [("v0.0", "v0.1"), ("v0.9", "v0.10"), ("v1.0", "v1.1"), ("v2.5", "v2.6")]
)
def test_tags_are_incremented_from_the_last(story: Story, last: str, following: str) -> None:
    if last != "v0.0":
        story.models.tag_model_checkpoint(last)
    assert story.models.tag_model_checkpoint() == following


def test_tags_have_a_major_and_a_minor_number() -> None:
    scheme = scheme_of(Config())
    assert scheme.parse(Line.MODEL, "v1.0") == (1, 0)
    assert scheme.parse(Line.MODEL, "v1.0.0") is None
    assert scheme.format(Line.DATA, (2, 5)) == "data-v2.5"


@pytest.mark.specification("5.2", "stored in Git tags and `.dvc` metadata")
def test_tags_carry_the_metadata_and_stand_in_git(story: Story) -> None:
    story.models.upload_model_checkpoint(str(story.file("b.bin", "better")), metrics={"loss": 0.5})
    text = story.repo.git("tag", "-l", "--format=%(objecttype)%0a%(contents)", "v0.1").out
    assert text.startswith("tag\n")
    assert f"hash={story.repo.md5('model.bin')}" in text
    assert "Cpv-Metric: loss=0.5" in text
    assert f"md5: {story.repo.md5('model.bin')}" in story.repo.git("show", "v0.1:model.bin.dvc").out


@pytest.mark.specification("5.3", "DVC and Git integration points")
def test_plain_dvc_and_git_read_everything(story: Story) -> None:
    story.models.upload_model_checkpoint(str(story.file("b.bin", "better")), metrics={"loss": 0.5})
    assert "Data and pipelines are up to date." in story.repo.dvc("status").out
    assert "in sync" in story.repo.dvc("status", "-c").out
    Shell(story.repo.path).run("rm", "-rf", ".dvc/cache", "model.bin", "data")
    story.repo.git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "checkout", "-q", "v0.0")
    story.repo.dvc("pull", "-q", "-f")
    assert story.repo.read("model.bin") == b"first weights"
    assert story.repo.read("data/a.csv") == b"1,2\n"


# Errors


@pytest.mark.specification("5.7", "logging", "`--log-file`, `-v`", "`log_file`, `verbose`")
def test_an_operation_is_logged(story: Story) -> None:
    story.models.tag_model_checkpoint()
    (log,) = (cpv_home() / "logs").glob("*model-tag*")
    assert "git" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    assert story.server.secret_key not in log.read_text()


@pytest.mark.specification("5.4", "atomic: a failing step rolls everything back", "`recover`", "`UploadError`, …")
def test_an_operation_is_undone_where_a_step_fails(story: Story) -> None:
    story.repo.write(".git/hooks/commit-msg.cpv-test", "")
    (story.repo.path / ".git/hooks/commit-msg").write_text("#!/bin/sh\necho no such message here >&2\nexit 1\n")
    (story.repo.path / ".git/hooks/commit-msg").chmod(0o755)
    weights = str(story.file("b.bin", "better"))
    before = (story.repo.head(), story.repo.tags(), story.repo.tree(), story.repo.changes())
    with pytest.raises(dvc_cpv_plugin.UploadError, match="no such message here"):
        story.models.upload_model_checkpoint(weights, metrics={"loss": 0.5})
    assert (story.repo.head(), story.repo.tags(), story.repo.tree(), story.repo.changes()) == before


# Options

OPERATIONS: dict[str, Callable[[Story, Any], object]] = {
    "model upload": lambda story, kw: story.models.upload_model_checkpoint(
        str(story.file("b.bin", "b")), {"a": 1}, **kw
    ),
    "model download": lambda story, kw: story.models.download_model_checkpoint("v0.0", **kw),
    "model load": lambda story, kw: story.models.load_model("v0.0", **kw),
    "model tag": lambda story, kw: story.models.tag_model_checkpoint(**kw),
    "model revert": lambda story, kw: story.models.revert_model_checkpoint("v0.0", **kw),
    "data upload": lambda story, kw: story.data.upload_data_checkpoint("../flowers", **kw),
    "data download": lambda story, kw: story.data.download_data_checkpoint("data-v0.0", **kw),
    "data tag": lambda story, kw: story.data.tag_data_checkpoint(**kw),
    "data revert": lambda story, kw: story.data.revert_data_checkpoint("data-v0.0", **kw),
    "checkpoint create": lambda story, kw: story.both.tag_model_and_data(**kw),
    "checkpoint revert": lambda story, kw: story.both.revert_model_and_data("v0.0", **kw),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_option_dry_run_names_the_effects_and_changes_nothing(
    story: Story, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    story.repo.write("model.bin", "a second version")
    story.repo.write("data/b.csv", "3,4\n")
    story.both.tag_model_and_data()
    if "tag" in name or "create" in name:
        story.repo.write("model.bin", "a third version")
        story.repo.write("data/c.csv", "5,6\n")
        story.repo.git("status")
    story.file("b.bin", "b")
    story.file("flowers/r", "r")
    keys, capsys_before = story.objects(), capsys.readouterr()
    assert capsys_before is not None
    with nothing_changes(story.repo.path.parent):
        OPERATIONS[name](story, {"dry_run": True, "working_dir": story.repo.path})
    assert story.objects() == keys
    told = capsys.readouterr().out.splitlines()
    assert told
    assert all(re.match(r"would (git|dvc|s3|file): ", line) for line in told), told


@pytest.mark.specification("6.3", "`dry_run`", "`--dry-run`", "same")
def test_option_dry_run_is_what_a_real_run_does(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    weights = str(story.file("b.bin", "better"))
    expected = story.models.upload_model_checkpoint(weights, metrics={"loss": 0.5}, dry_run=True)
    told = capsys.readouterr().out
    before = story.objects()
    assert story.models.upload_model_checkpoint(weights, metrics={"loss": 0.5}) == expected == "v0.1"
    sent = story.objects() - before
    assert len(sent) == 2
    assert sent == {key for key in sent if key in told}
    assert told.count("s3: put") == 2


@pytest.mark.specification("6.1", "`verbose`", "`-v`", "same")
def test_option_verbose_prints_the_steps(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.models.tag_model_checkpoint(verbose=True)
    assert "git " in capsys.readouterr().err


@pytest.mark.specification("6.2", "`log_file`", "`--log-file`", "same")
def test_option_log_file(story: Story) -> None:
    log = story.repo.path.parent / "operation.log"
    story.models.tag_model_checkpoint(log_file=str(log))
    assert "model tag" in log.read_text()


@pytest.mark.specification("6.4", "`force`", "`--force`", "same")
def test_option_force_skips_the_check_for_a_clean_tree(story: Story) -> None:
    story.repo.write("notes.txt", "tracked")
    story.repo.git("add", "notes.txt")
    story.repo.commit("notes")
    story.repo.write("notes.txt", "changed")
    weights = str(story.file("b.bin", "better"))
    with pytest.raises(dvc_cpv_plugin.ValidationError, match=r"notes\.txt"):
        story.models.upload_model_checkpoint(weights)
    assert story.models.upload_model_checkpoint(weights, force=True) == "v0.1"
    assert story.repo.changes() == [" M notes.txt"]


@pytest.mark.specification("6.5", "`notify`", "`--notify`", "same")
def test_option_notify(story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Shell(tmp_path).write("bin/notify-send", f'#!/bin/sh\necho "$@" >>{tmp_path}/told\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    story.models.tag_model_checkpoint(notify=True)
    assert (tmp_path / "told").read_text().endswith("model tag: vision resnet done\n")


@pytest.mark.specification("6.6", "`use_cache`", "`--no-cache`", "same")
def test_option_use_cache_false_fetches_anew(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    md5 = story.repo.md5("model.bin")
    cached = story.repo.path / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
    first = cached.stat().st_ino
    assert story.models.load_model("v0.0").tag == "v0.0"
    assert cached.stat().st_ino == first
    assert story.models.load_model("v0.0", use_cache=False).tag == "v0.0"
    assert cached.stat().st_ino != first
    story.models.revert_model_checkpoint("v0.0", dry_run=True)
    assert "s3: get" not in capsys.readouterr().out
    story.models.revert_model_checkpoint("v0.0", dry_run=True, use_cache=False)
    assert capsys.readouterr().out.count("s3: get") == 4
    story.models.revert_model_checkpoint("v0.0", use_cache=False)
    assert story.repo.changes() == []


@pytest.mark.specification("6.7", "`repo_path`, `working_dir`", "`--repo-path`, `--working-dir`", "same")
def test_option_repo_path_and_working_dir(story: Story) -> None:
    kind = dvc_cpv_plugin.ModelsCheckpointsManage
    assert kind(TEAM, MODEL, working_dir=story.repo.path.parent).read_checkpoint_tag() == ["v0.0"]
    assert kind(TEAM, MODEL).read_checkpoint_tag(repo_path=str(story.repo.path)) == ["v0.0"]
    story.file("b.bin", "better")
    assert kind(TEAM, MODEL, working_dir=story.repo.path.parent).upload_model_checkpoint("b.bin") == "v0.1"


def test_a_model_of_the_same_name_in_another_team_is_refused(story: Story) -> None:
    other = dvc_cpv_plugin.ModelsCheckpointsManage("nlp", MODEL, working_dir=story.repo.path.parent)
    with pytest.raises(dvc_cpv_plugin.CPVError, match="this is vision/resnet, not nlp/resnet"):
        other.read_checkpoint_tag()


# Names


@pytest.mark.specification("10", "**10 Names**")
def test_names_follow_the_conventions() -> None:
    kinds = [getattr(dvc_cpv_plugin, name) for name in dvc_cpv_plugin.__all__]
    for kind in kinds:
        assert re.fullmatch(r"([A-Z]+[a-z]*)+", kind.__name__)
        for name, value in vars(kind).items():
            if inspect.isfunction(value) and not name.startswith("_"):
                assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", name)
    errors = [kind.__name__ for kind in kinds if issubclass(kind, Exception)]
    assert all(name.endswith("Error") for name in errors)
    table = personal_settings.load_settings().model_dump()
    inner = [key for value in table.values() if isinstance(value, dict) for key in value]
    assert all(re.fullmatch(r"[a-z_]+", key) for key in [*table, *inner])
    assert all(re.fullmatch(r"[a-z_]+", key) for key in ModelMetadata.__annotations__)
