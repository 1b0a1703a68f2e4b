"""`dvc cpv report`: the page as a file. How it works in a browser is looked at in `tests/browser`."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pluggy
import pytest
from conftest import MakeRepo

from support import long_history
from support.inside import cpv
from support.long_history import MadeVersion, training
from support.repos import ModelRepo
from support.shell import Shell

NASTY = "</script><script>bad()</script><!-- '\"\u2028\u2029{{data}} & ünï"


def hostile(number: int) -> MadeVersion:
    made = training(number)
    if number < 12:
        return made
    return made._replace(
        message=NASTY,
        author="Eve \"&lt;\" 'quoted'",
        metrics={**made.metrics, "<b>acc</b>": 0.5},
        params=f"{made.params}'</script><script>bad()</script>': 1\nbig: 0x{'f' * 5000}\nodd: .nan\n",
    )


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory, _skeleton: Path) -> ModelRepo:
    """Twelve versions, the last one by somebody who wants his texts to be run."""
    return made(tmp_path_factory.mktemp("past") / "resnet <b>", _skeleton, 12, hostile)


def made(path: Path, skeleton: Path, versions: int, each: Any) -> ModelRepo:
    shutil.copytree(skeleton, path)
    repo = ModelRepo(path)
    repo.write(".cpv.toml", long_history.SETTINGS)
    repo.git("add", "-A")
    repo.git("commit", "-qm", "first")
    long_history.write(path, versions, each)
    return repo


@pytest.fixture(scope="module")
def text(past: ModelRepo) -> str:
    """The page of those versions."""
    done = cpv(past.path, "report", "--out", "../page.html")
    assert (done.status, done.out, done.err) == (0, "../page.html\n", "")
    return (past.path / "../page.html").read_bytes().decode()


def document(page: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.split('id="data">', 1)[1].split("</script>", 1)[0])
    return found


def test_a_plugin_adds_a_panel(past: ModelRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its texts are the document's, which no browser takes for markup; one that fails is a warning."""
    from cpv_hooks.project import plugins
    from cpv_hooks.project.plugin_hooks import ReportPanel

    class Plugin:
        @pluggy.HookimplMarker("cpv")
        def cpv_report_panel(self, versions: list[dict[str, Any]]) -> ReportPanel:
            return ReportPanel(NASTY, ["version", "of"], [[one["tag"], 7] for one in versions * 100])  # type: ignore[list-item]

    class Broken:
        @pluggy.HookimplMarker("cpv")
        def cpv_report_panel(self) -> ReportPanel:
            raise RuntimeError("no panel")

    monkeypatch.setattr(plugins, "installed_plugins", lambda: iter(()))
    known = plugins.manager()
    for name, plugin in (("ours (ours)", Plugin()), ("broken (broken)", Broken())):
        known.register(plugin, name)
    try:
        done = cpv(past.path, "report", "--out", tmp_path / "page.html")
    finally:
        for name in ("ours (ours)", "broken (broken)"):
            known.unregister(name=name)
    assert done.err == (
        "cpv: warning: plugin broken (broken) failed in cpv_report_panel: RuntimeError('no panel'); "
        "fix: pip uninstall broken\n"
    )
    page = (tmp_path / "page.html").read_text()
    (panel,) = document(page)["panels"]
    assert (panel["title"], panel["columns"], panel["rows"][0]) == (NASTY, ["version", "of"], ["v0.12", "7"])
    assert len(panel["rows"]) == 1000
    assert "<script>bad()" not in page


def test_what_the_page_says(text: str, past: ModelRepo) -> None:
    found = document(text)
    assert (found["repository"], found["total"], found["main"]) == ("resnet <b>", 12, "acc")
    assert found["goals"] == {"acc": "max", "loss": "min"}
    newest, before = found["versions"][:2]
    assert [version["tag"] for version in found["versions"]] == [f"v0.{number}" for number in range(12, 0, -1)]
    assert before["metrics"] == training(11).metrics
    assert (before["author"], before["message"]) == ("Alan Turing", "fix labels of the validation set")
    assert (before["changed"], before["before"], before["cached"]) == (["model", "metrics"], "v0.10", True)
    artifacts = {row[0]: row for row in (found["artifacts"][at] for at in before["artifacts"])}
    model = training(11).artifacts["model.safetensors"]
    assert artifacts["model.safetensors"][1:] == ["model", len(model), hashlib.md5(model).hexdigest()[:12], 1]
    assert before["added"] == sum(map(len, training(11).artifacts.values()))
    settings = {key: value for _, key, value in (found["pairs"][at] for at in found["settings"][before["settings"]])}
    assert (settings["train.batch"], settings["seed"], settings["cpv.model"]) == (96, 11, "resnet")
    assert newest["commit"] == past.git("rev-parse", "v0.12^{commit}").out[:12]


def test_curves_and_tensors(text: str) -> None:
    found = document(text)
    version = found["versions"][1]
    curves = {curve["name"]: curve for curve in found["curves"][version["curves"]]}
    rows = [json.loads(line) for line in training(11).artifacts["metrics.log"].splitlines()]
    assert curves["loss"] == {
        "name": "loss",
        "axis": "step",
        "file": "metrics.log",
        "steps": [row["step"] for row in rows],
        "values": [row["loss"] for row in rows],
    }
    model = found["models"][version["models"][0]]
    assert (model["path"], model["format"], model["ntensors"]) == ("model.safetensors", "safetensors", 7)
    tensors = {name: (shape, dtype) for name, shape, dtype in found["tensors"][model["tensors"]]}
    assert tensors["embed.weight"] == ([64, 32], "F32")
    assert len(found["tensors"]) == 2  # one that all have but the last, whose layers are wider


def test_what_a_repository_says_is_no_markup(text: str) -> None:
    newest = document(text)["versions"][0]
    assert newest["message"] == NASTY
    assert newest["metrics"]["<b>acc</b>"] == 0.5
    settings = {row[1]: row[2] for row in document(text)["pairs"]}
    assert settings["</script><script>bad()</script>"] == 1
    assert (settings["big"][:4], settings["odd"]) == ("0xff", "nan")
    assert "bad()</script" not in text
    assert "<title>resnet &lt;b&gt;: versions</title>" in text
    data = text.split('id="data">', 1)[1].split("</script>", 1)[0]
    assert not set("<>&\u2028\u2029") & set(data)


def test_nothing_is_fetched_and_only_these_scripts_run(text: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    allowed = dict(part.strip().split(" ", 1) for part in policy[1].replace("&#x27;", "'").split(";"))
    assert allowed["default-src"] == "'none'"
    assert "unsafe" not in policy[1]
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        inside = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in inside]
        assert allowed[rule] == " ".join(f"'sha256-{one}'" for one in hashes)
    outside = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    assert re.findall(r"""(?:src|href|action)=["'](?!#|data:,)([^"']*)""", outside) == []
    assert not re.search(r"url\(|@import", text.split("<style>", 1)[1].split("</style>", 1)[0])


def test_filters(past: ModelRepo, tmp_path: Path) -> None:
    cpv(past.path, "report", "-n", "3", "--out", tmp_path / "three.html")
    found = document((tmp_path / "three.html").read_text())
    assert ([version["tag"] for version in found["versions"]], found["total"]) == (["v0.12", "v0.11", "v0.10"], 12)
    cpv(past.path, "report", "--since", "2026-01-05", "--out", tmp_path / "since.html")
    assert document((tmp_path / "since.html").read_text())["versions"][-1]["tag"] == "v0.11"
    cpv(past.path, "report", "--since", "1d", "--out", tmp_path / "none.html")
    assert document((tmp_path / "none.html").read_text())["versions"] == []


def test_a_thousand_versions_take_less_than_three_megabytes(tmp_path: Path, _skeleton: Path) -> None:
    repo = made(tmp_path / "repo", _skeleton, 1000, training)
    assert cpv(repo.path, "report").status == 0
    page = repo.read("cpv-report.html")
    assert len(page) < 3_000_000
    found = document(page.decode())
    assert len(found["versions"]) == 1000
    assert 100 < sum(version["curves"] is not None for version in found["versions"]) < 1000


def test_stages_and_retirements(past: ModelRepo, tmp_path: Path) -> None:
    clone = ModelRepo(tmp_path / "clone")
    shutil.copytree(past.path, clone.path, symlinks=True)
    clone.cpv("promote", "v0.3", "production", "-m", "passed")
    clone.cpv("retire", "v0.2", "-m", "superseded", "--yes")
    assert cpv(clone.path, "report", "--out", "page.html").status == 0
    found = document((clone.path / "page.html").read_text())
    assert found["stages"] == {"production": "v0.3"}
    assert [(event["action"], event["tag"], event["message"]) for event in found["events"]] == [
        ("promote", "v0.3", "passed")
    ]
    assert found["versions"][-3]["stages"] == ["production"]
    assert [version["retired"] for version in found["versions"][-3:]] == [None, "superseded", None]


def test_the_browser_is_opened_or_a_line_says_that_there_is_none(past: ModelRepo, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    browser = Shell(tmp_path).write("browser", f'#!/bin/sh\necho "$1" >{tmp_path}/asked\n')
    browser.chmod(0o755)
    past.cpv("report", "-n1", "--open", "--out", out, env={"BROWSER": f"{browser} %s"})
    assert (tmp_path / "asked").read_text() == f"{out.as_uri()}\n"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(shutil.which("git") or "")
    empty = {"PATH": str(tmp_path / "bin"), "DISPLAY": "", "WAYLAND_DISPLAY": "", "BROWSER": "/nowhere/browser %s"}
    none = past.cpv("report", "-n1", "--open", "--out", out, env=empty, status=1)
    assert none.err == f"cpv: {out}: no browser was found here; the report is written; fix: xdg-open {out}\n"
    assert none.out == f"{out}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "{tmp}"), "{tmp}: is a folder; the report is a file"),
        (("--out", "{tmp}/no/page.html"), "{tmp}/no: there is no such folder"),
        (("--out", "/proc/page.html"), "/proc/page.html: cannot be written: No such file or directory"),
        (("--out", "{tmp}/notes.txt"), "{tmp}/notes.txt: exists and is not a report, so it is not overwritten"),
        (("--out", "{tmp}/link"), "{tmp}/link: exists and is not a report, so it is not overwritten"),
        (("--out", "{tmp}/pipe"), "{tmp}/pipe: exists and is not a report, so it is not overwritten"),
    ],
)
def test_where_it_cannot_be_written(past: ModelRepo, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to("notes.txt")
    os.mkfifo(tmp_path / "pipe")
    done = cpv(past.path, "report", *(word.replace("{tmp}", str(tmp_path)) for word in words))
    fix = "fix: dvc cpv report --out cpv-report.html"
    assert (done.status, done.err) == (1, f"cpv: {said.replace('{tmp}', str(tmp_path))}; {fix}\n")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "notes.txt", "pipe"]


def test_a_report_takes_the_place_of_the_last_one(past: ModelRepo, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    for number in ("2", "1"):
        assert cpv(past.path, "report", "-n", number, "--out", out).status == 0
        assert len(document(out.read_text())["versions"]) == int(number)


def test_no_version_yet(make_repo: MakeRepo) -> None:
    empty = make_repo(install=False)
    done = cpv(empty.path, "report")
    assert (done.status, done.err) == (1, f"cpv: {empty.path}: there is no version yet; fix: dvc cpv tag\n")
    assert not (empty.path / "cpv-report.html").exists()


def test_a_version_that_cannot_be_read_is_shown(past: ModelRepo, tmp_path: Path) -> None:
    clone = ModelRepo(tmp_path / "clone")
    shutil.copytree(past.path, clone.path, symlinks=True)
    clone.git("reset", "-q", "--hard", "main")
    clone.write("model.safetensors.dvc", "outs: [")
    clone.git("commit", "-qam", "broken")
    clone.git("tag", "v0.13")
    done = cpv(clone.path, "report", "--out", tmp_path / "page.html")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert done.err.startswith("cpv: warning: v0.13 cannot be read: model.safetensors.dvc:")
    newest = document((tmp_path / "page.html").read_text())["versions"][0]
    assert (newest["tag"], newest["size"], newest["added"]) == ("v0.13", None, 0)
    assert "model.safetensors.dvc" in newest["error"]


def test_without_the_chart_library(past: ModelRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from cpv_hooks.html_report.page import chart_library

    chart_library.cache_clear()
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    done = cpv(past.path, "report", "--out", tmp_path / "page.html")
    said = "the report's charts are drawn by Vega, which is not installed; fix: pip install 'dvc-cpv[report]'"
    assert (done.status, done.err) == (1, f"cpv: {said}\n")
    assert not (tmp_path / "page.html").exists()
