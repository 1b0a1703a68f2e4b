"""Stages: `dvc cpv promote`, `demote` and `stages`, and GTO's own view of what they wrote."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRepo

from cpv_hooks.console.progress import Progress
from cpv_hooks.transfer.commits.upload_commits import publish
from dvc_cpv_plugin import ModelsCheckpointsManage
from support import two_versions
from support.repos import SETTINGS, ModelRepo
from support.shell import BIN, Shell

RULES = """
[stages]
staging = {}
production = {branches = ["main"], metric = "loss<=0.5", verified = true}
"""


@pytest.fixture
def model(tmp_path: Path) -> ModelRepo:
    """v0.0 and v0.1."""
    return two_versions.copy(tmp_path)


def gto(model: Shell) -> dict[str, str]:
    """Stage -> version, as GTO's own command has it."""
    shown = json.loads(model.run(BIN / "gto", "show", "--json").out)
    return {stage: version for stage, version in shown["resnet"]["stage"].items() if version}


def stages(model: Shell, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(model.cpv("stages", "--json", *args).out)
    return found


def held(model: Shell) -> dict[str, str]:
    return {one["stage"]: one["version"] for one in stages(model) if one["version"]}


def test_a_version_goes_in_and_back_and_out_and_gto_agrees(model: ModelRepo) -> None:
    assert model.cpv("promote", "v0.0", "production", "-m", "first").out == "resnet#production#1\n"
    assert (held(model), gto(model)) == ({"production": "v0.0"}, {"production": "v0.0.0"})
    model.cpv("promote", "0.1", "production")
    model.cpv("promote", "v0.1", "qa/eu")
    assert held(model) == {"production": "v0.1", "qa/eu": "v0.1"}
    assert gto(model) == {"production": "v0.1.0", "qa/eu": "v0.1.0"}
    model.cpv("promote", "v0.0", "production")
    assert (held(model)["production"], gto(model)["production"]) == ("v0.0", "v0.0.0")
    assert len(model.cpv("demote", "production").lines) == 2
    assert (held(model), gto(model)) == ({"qa/eu": "v0.1"}, {"qa/eu": "v0.1.0"})
    events = [(one["action"], one["stage"], one["version"]) for one in stages(model, "--history")]
    assert events == [
        ("demote", "production", "v0.0"),
        ("demote", "production", "v0.1"),
        ("promote", "production", "v0.0"),
        ("promote", "qa/eu", "v0.1"),
        ("promote", "production", "v0.1"),
        ("promote", "production", "v0.0"),
    ]
    assert stages(model, "--history")[-1]["message"] == "first"


def test_a_stage_that_is_new_is_said_to_be(model: ModelRepo) -> None:
    assert model.cpv("promote", "v0.0", "production").err == ""
    said = "cpv: 'prodction' is a new stage (until now: production); dvc cpv demote prodction empties it\n"
    assert model.cpv("promote", "v0.0", "prodction").err == said
    assert model.cpv("promote", "v0.1", "production").err == ""
    model.write(".cpv.toml", SETTINGS + "[stages]\nproduction = {}\nqa = {}\n")
    assert model.cpv("promote", "v0.1", "qa").err == ""


def test_it_ends_with_the_command_that_others_wait_for(model: ModelRepo, tmp_path: Path) -> None:
    model.git("init", "-q", "--bare", str(tmp_path / "host.git"))
    model.git("remote", "add", "origin", str(tmp_path / "host.git"))

    def pushed_by(*words: str) -> tuple[str, set[str]]:
        before, said = set(pushed()), model.cpv(*words).err.splitlines()[-1]
        command = said.removeprefix("cpv: next: ").removesuffix(" (until then others do not see it)")
        model.run("sh", "-c", command)
        return command, set(pushed()) - before

    def pushed() -> list[str]:
        return model.git("ls-remote", "--tags", "--refs", "origin").out.split()[1::2]

    stage, to_gto, version = "refs/tags/resnet#production#1", "refs/tags/resnet@v0.1.0", "refs/tags/v0.1"
    command, new = pushed_by("promote", "v0.1", "production")
    assert command.startswith("git push origin ")
    assert new == {stage, to_gto, version}
    model.git("push", "-q", "-u", "origin", "main")
    assert pushed_by("promote", "v0.1", "qa") == ("git push --follow-tags", {"refs/tags/resnet#qa#2"})
    model.git("switch", "-qc", "older", "v0.0")
    model.git("push", "-q", "-u", "origin", "older")
    command, new = pushed_by("demote", "qa")
    assert command.startswith("git push origin ")
    assert new == {"refs/tags/resnet#qa!#3"}
    assert model.cpv("promote", "-q", "v0.0", "qa").err == ""


def test_with_the_gto_scheme_no_second_tag_is_needed(make_repo: MakeRepo) -> None:
    settings = SETTINGS + '[tags]\nscheme = "gto"\n'
    model = make_repo(install=False, files={"model.bin": "one"}, settings=settings)
    model.cpv("tag")
    model.cpv("promote", "resnet@v0.0.1", "production")
    assert gto(model) == {"production": "v0.0.1"}
    assert held(model) == {"production": "resnet@v0.0.1"}
    assert model.tags() == ["resnet#production#1", "resnet@v0.0.1"]


def test_tags_that_gto_itself_wrote_are_read(model: ModelRepo) -> None:
    commit = model.git("rev-parse", "v0.1^{commit}").out.strip()
    model.run(BIN / "gto", "assign", "resnet", commit, "--stage", "dev")
    assert held(model) == {"dev": "v0.1"}


def test_a_stage_stands_for_its_version(model: ModelRepo, tmp_path: Path) -> None:
    model.cpv("promote", "v0.0", "production")
    assert json.loads(model.cpv("model", "info", "--json", "--tag", "@production").out)["tag"] == "v0.0"
    model.cpv("model", "download", "--tag", "@production", "--output-dir", str(tmp_path / "out"))
    assert (tmp_path / "out/model.bin").read_bytes() == b"weights"
    assert json.loads(model.cpv("diff", "@production", "v0.1", "--json").out)["a"] == "v0.0"
    assert "1 version" in model.cpv("verify", "@production").out
    found = json.loads(model.cpv("log", "--stage", "production", "--json").out)
    assert [(one["tag"], one["stages"]) for one in found] == [("v0.0", ["production"])]
    assert model.cpv("log").lines[0].split("\t")[:2] == ["v0.1", ""]
    api = ModelsCheckpointsManage("vision", "resnet", repo_path=str(model.path))
    assert Path(api.load_model("@production").model).read_bytes() == b"weights"
    model.cpv("model", "revert", "--tag", "@production")
    assert model.read("model.bin") == b"weights"


def test_rules_are_checked_before_anything_is_written(model: ModelRepo) -> None:
    model.write(".cpv.toml", SETTINGS + RULES)
    model.git("commit", "-qam", "rules")

    def refused(version: str, stage: str, said: str) -> None:
        before = model.tags()
        done = model.cpv("promote", version, stage, status=1)
        assert said in done.err
        assert len(done.err.splitlines()) == 1
        assert model.tags() == before

    refused("v0.1", "live", "'live' is not a stage of this repository (known: staging, production)")
    refused("v0.1", "production", "v0.1 may not be in production: loss<=0.5 does not hold (loss is 1)")
    two_versions.save(model, {"metrics.log": b"loss=0.5\n"})
    model.git("tag", "v0.2")
    refused("v0.2", "production", "not all of its data is on the remote")
    model.git("checkout", "-q", "-b", "side")
    two_versions.save(model, {"metrics.log": b"loss=0.25\n"})
    model.git("tag", "v0.3")
    refused("v0.3", "production", "its commit is on none of the branches main")
    model.cpv("promote", "v0.3", "staging")
    publish(two_versions.project_of(model), ["v0.2"], Progress("testing"))
    model.cpv("promote", "v0.2", "production")
    assert held(model) == {"staging": "v0.3", "production": "v0.2"}
    assert [one["rule"] for one in stages(model)] == [
        {},
        {"branches": ["main"], "metric": "loss<=0.5", "verified": True},
    ]
    model.write(".cpv.toml", SETTINGS + "[stages]\nproduction = {metric = 'loss'}\n")
    done = model.cpv("promote", "v0.1", "production", status=1)
    assert (
        "stages.production.metric: 'loss' is not a condition (write it as 'acc>0.9'); fix: edit .cpv.toml" in done.err
    )


def test_a_remote_that_cannot_be_asked_is_no_proof(model: ModelRepo) -> None:
    model.write(".cpv.toml", SETTINGS + "[stages]\nlive = {verified = true}\n")
    shutil.rmtree(model.path.parent / two_versions.STORAGE)
    (model.path.parent / two_versions.STORAGE).write_text("a file")
    assert "may not be in live: " in model.cpv("promote", "v0.1", "live", status=1).err


def test_a_push_does_not_take_a_tag_that_breaks_its_rule(make_repo: MakeRepo, tmp_path: Path) -> None:
    model = make_repo(files={"model.bin": "one", "metrics.log": "loss=1\n"}, settings=SETTINGS)
    model.git("init", "-q", "--bare", str(tmp_path / "host.git"))
    model.git("remote", "add", "origin", str(tmp_path / "host.git"))
    model.git("push", "-q", "origin", "HEAD")
    model.cpv("promote", "v0.0", "production")
    model.write(".cpv.toml", SETTINGS + RULES)
    host = Shell(tmp_path / "host.git")
    done = model.git("push", "origin", "resnet#production#1", status=1)
    assert "resnet#production#1 breaks the rule of its stage: loss<=0.5 does not hold (loss is 1)" in done.err
    assert "production" not in host.git("tag").out
    model.write(".cpv.toml", SETTINGS + "[stages]\nstaging = {}\n")
    done = model.git("push", "origin", "resnet#production#1", status=1)
    assert "'production' is not a stage of this repository (known: staging)" in done.err
    model.write(".cpv.toml", SETTINGS)
    model.git("push", "-q", "origin", "resnet#production#1")
    assert "resnet#production#1" in host.git("tag").lines


def test_a_push_asks_for_the_branch_and_for_the_data(make_repo: MakeRepo, tmp_path: Path) -> None:
    model = make_repo(files={"model.bin": "one"}, settings=SETTINGS)
    model.git("init", "-q", "--bare", str(tmp_path / "host.git"))
    model.git("remote", "add", "origin", str(tmp_path / "host.git"))
    model.git("push", "-q", "origin", "HEAD")
    model.cpv("promote", "v0.0", "production")
    (stored,) = (path for path in (tmp_path / "storage").rglob("*") if path.is_file())
    stored.rename(tmp_path / "lost")
    shutil.rmtree(model.path / ".dvc/cache")

    def refused(rule: str, said: str) -> None:
        model.write(".cpv.toml", f"{SETTINGS}[stages]\nproduction = {{{rule}}}\n")
        done = model.git("push", "origin", "resnet#production#1", status=1)
        assert f"resnet#production#1 breaks the rule of its stage: {said}" in done.err
        assert Shell(tmp_path / "host.git").git("tag").lines == ["v0.0"]

    refused('branches = ["release/*"]', "its commit is on none of the branches release/*")
    refused("verified = true", "not all of its data is on the remote")
    (tmp_path / "lost").rename(stored)
    model.git("push", "-q", "origin", "resnet#production#1")
    assert "resnet#production#1" in Shell(tmp_path / "host.git").git("tag").lines


def test_a_promotion_that_fails_half_way_leaves_no_tag(model: ModelRepo) -> None:
    before = model.git("tag").lines
    lock = model.path / ".git/refs/tags/resnet#production#1.lock"
    lock.touch()
    done = model.cpv("promote", "v0.1", "production", status=1)
    assert "GTO: " in done.err
    assert lock.name in done.err
    assert len(done.err.splitlines()) == 1
    assert model.git("tag").lines == before
    lock.unlink()
    model.git("tag", "resnet#production#1/other")
    assert "cannot lock ref" in model.cpv("promote", "v0.1", "production", status=1).err
    assert model.git("tag").lines == sorted([*before, "resnet#production#1/other"])
    model.git("tag", "-d", "resnet#production#1/other")
    assert model.cpv("promote", "v0.1", "production").out == "resnet#production#1\n"


def test_two_promotions_at_once_are_both_made(model: ModelRepo) -> None:
    words = [("promote", "v0.1", "production"), ("promote", "v0.0", "staging"), ("promote", "v0.1", "canary")]
    with ThreadPoolExecutor() as pool:
        made = {result.out.strip() for result in pool.map(lambda some: model.cpv(*some), words)}
    assert len(made) == 3
    assert made <= set(model.git("tag").lines)
    assert held(model) == {"production": "v0.1", "staging": "v0.0", "canary": "v0.1"}
    assert gto(model) == {"production": "v0.1.0", "staging": "v0.0.0", "canary": "v0.1.0"}


def test_what_cannot_be_done_is_one_line(model: ModelRepo) -> None:
    model.cpv("promote", "v0.1", "production")
    for args, said in (
        (("promote", "v9.9", "production"), "'v9.9' is no model version"),
        (("promote", "v0.1", "production"), "v0.1 is in production already"),
        (("promote", "v0.1", "no such"), "'no such' cannot name a stage"),
        (("promote", "v0.1", ""), "'' cannot name a stage"),
        (("promote", "v0.1", "x" * 101), f"'{'x' * 101}' cannot name a stage"),
        (("promote", "@nothing", "production"), "no version is in stage 'nothing' (stages in use: production)"),
        (("demote", "nothing"), "no version is in stage 'nothing' (stages in use: production)"),
        (("log", "--stage", "nothing"), "no stage 'nothing' (known: production)"),
        (("diff", "@nothing"), "no version is in stage 'nothing'"),
        (("verify", "@nothing"), "no version is in stage 'nothing'"),
        (("model", "info", "--tag", "@nothing"), "no version is in stage 'nothing'"),
        (("model", "download", "--tag", "@nothing"), "no version is in stage 'nothing'"),
        (("model", "revert", "--tag", "@nothing"), "no version is in stage 'nothing'"),
        (("export", "@nothing", "--to", "x"), "no version is in stage 'nothing'"),
        (
            ("retire", "--keep-best", "1", "--metric", "loss", "--except-stage", "nothing"),
            "is or was in stage 'nothing'",
        ),
        (("model", "info", "--tag", "@"), "'@' is no model version"),
        (("export", "production", "--to", "x"), "'production' is a stage, not a version; fix: write @production"),
        (("data", "info", "--tag", "@production"), "@production is a model version, not a data version"),
    ):
        done = model.cpv(*args, status=1)
        assert said in done.err, (args, done.err)
        assert len(done.err.splitlines()) == 1, (args, done.err)
    assert model.tags() == ["resnet#production#1", "resnet@v0.1.0", "v0.0", "v0.1"]


def test_a_model_that_gto_cannot_name(model: ModelRepo) -> None:
    model.write(".cpv.toml", SETTINGS.replace("resnet", "-resnet-"))
    assert "GTO cannot name a model '-resnet-'" in model.cpv("promote", "v0.1", "production", status=1).err


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("production = 1", "stages.production must be a table"),
        ("production = {branch = []}", "unknown key branch in stages.production (known: branches, metric, verified)"),
        ("production = {branches = 'main'}", "stages.production.branches must be a list of branches"),
        ("production = {metric = 1}", "stages.production.metric must be a string"),
        ("production = {verified = 'yes'}", "stages.production.verified must be true or false"),
    ],
)
def test_rules_that_are_none(model: ModelRepo, rule: str, said: str) -> None:
    model.write(".cpv.toml", SETTINGS + f"[stages]\n{rule}\n")
    done = model.cpv("stages", status=1)
    assert f"{model.path}/.cpv.toml:5: {said}" in done.err


def test_no_stages_at_all(model: ModelRepo) -> None:
    assert model.cpv("stages").out == ""
    assert stages(model) == []
    model.write(".cpv.toml", SETTINGS + RULES)
    assert model.cpv("stages").lines == [
        "staging\t-\t-\t-\t-\t",
        "production\t-\t-\t-\t-\tbranches=main metric=loss<=0.5 verified=True",
    ]


def test_who_and_when_are_those_of_one_command(model: ModelRepo, tmp_path: Path) -> None:
    """An identity that Git knows from the environment's configuration alone, as in `git -c`, and a date."""
    nobody = tmp_path / "gitconfig"
    nobody.write_text("[user]\n\tuseConfigOnly = true\n")
    who = {"user.name": "Somebody", "user.email": "somebody@example.com"}
    env = {"GIT_CONFIG_GLOBAL": str(nobody), "GIT_CONFIG_COUNT": "2", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
    for number, (key, value) in enumerate(who.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        model.git("config", "--unset", key, status=None)
    tag = model.cpv("promote", "v0.0", "production", env=env).out.strip()
    tagger = model.git("for-each-ref", f"refs/tags/{tag}", "--format=%(taggername) %(taggeremail)").out
    assert tagger == "Somebody <somebody@example.com>\n"
    assert held(model) == {"production": "v0.0"}
