"""Plugins are real distributions here: a folder with a module and its `.dist-info`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project import plugin_hooks, plugins
from cpv_hooks.project.config import Config
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.setup.init import proposals
from support.shell import Shell

HEADER = """import pluggy
hookimpl = pluggy.HookimplMarker("cpv")
"""
CALVER = """
class Calver:
    shape = "YEAR.NUMBER"
    def prefix(self, line): return "cal-" if line == "model" else "cal-data-"
    def parse(self, line, tag):
        head = self.prefix(line)
        return tuple(map(int, tag[len(head):].split("."))) if tag.startswith(head + "20") else None
    def is_ours(self, line, tag): return self.parse(line, tag) is not None
    def format(self, line, version): return self.prefix(line) + ".".join(map(str, version))
    def first(self): return (2024, 1)
    def next(self, last): return (last[0], last[1] + 1)

@hookimpl
def cpv_tag_scheme(name): return Calver() if name == "calver" else None
"""


def distribution(folder: Path, name: str, code: str) -> None:
    """What pip leaves behind for a distribution with one module and one entry point."""
    (folder / f"{name}.py").write_text(HEADER + code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[cpv]\n{name} = {name}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A site-packages folder of this test's own."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    plugins.manager.cache_clear()
    for module in list(sys.modules.values()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[module.__name__]


def use(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[EntryPoint] = [
        entry for dist in distributions(path=[str(site)]) for entry in dist.entry_points if entry.group == "cpv"
    ]
    monkeypatch.setattr(plugins, "installed_plugins", lambda: iter(found))
    plugins.manager.cache_clear()


def test_a_plugin_brings_a_scheme_of_its_own(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(site, "cpv_calver", CALVER)
    use(site, monkeypatch)
    scheme = plugins.tag_scheme("calver", Config())
    assert scheme is not None
    assert scheme.format(Line.MODEL, scheme.next((2024, 9))) == "cal-2024.10"
    assert plugins.tag_scheme("minor", Config()) is not None
    assert plugins.tag_scheme("nobody's", Config()) is None


def test_a_plugin_reads_metrics_and_its_answer_is_cleaned(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
@hookimpl
def cpv_metrics(path, name):
    if name.endswith(".csv"):
        return {"rows": len(path.read_text().splitlines()), "bad": [1], 3: 4, "text": "x" * 999}
"""
    distribution(site, "cpv_csv", code)
    use(site, monkeypatch)
    log = tmp_path / "0cc175b9"
    log.write_text("loss=0.5\nloss=0.4\n")
    assert plugins.metrics_in(log, "run/metrics.csv") == {"rows": 2, "text": "x" * 200}
    assert plugins.metrics_in(log, "metrics.log") == {"loss": 0.4}


def test_a_plugin_gives_metrics_step_by_step(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
from cpv_hooks.metric_formats.series import MetricSeries

@hookimpl
def cpv_metrics(path, name, series):
    if name.endswith(".steps"):
        return {"acc": MetricSeries("acc", [1, 5], [0.5, 0.75], "step"), "all": [series]}
    if name.endswith(".numbers"):
        return {"step": 4, "acc": 0.5, "text": "x"}
"""
    distribution(site, "cpv_steps", code)
    use(site, monkeypatch)
    log = tmp_path / "0cc175b9"
    log.write_text("step=3 loss=0.5\n")
    assert plugins.metrics_in(log, "a.steps") == {"acc": 0.75}
    (acc,) = plugins.series(log, "a.steps")
    assert (acc.name, acc.file, acc.axis, acc.steps, acc.values) == ("acc", "a.steps", "step", [1, 5], [0.5, 0.75])
    (acc,) = plugins.series(log, "a.numbers")
    assert (acc.name, acc.axis, list(acc.steps), list(acc.values)) == ("acc", "step", [4], [0.5])
    (loss,) = plugins.series(log, "metrics.log")
    assert (loss.name, loss.file, list(loss.steps)) == ("loss", "metrics.log", [3])


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("forest.skops", "model"),
        ("trees.ubj", "model"),
        ("trees.cbm", "model"),
        ("weights/model.safetensors", "model"),
        ("resnet.PT", "model"),
        ("data", "data"),
        ("raw/train.parquet", "data"),
        ("metrics.json", "metrics"),
        ("tokenizer", "extra"),
        ("tokenizer.json", "extra"),
        ("notes.txt", None),
        ("", None),
    ],
)
def test_kinds_that_file_names_tell(path: str, kind: str | None) -> None:
    assert plugins.kind(path) == kind


def test_a_plugin_names_a_kind_and_nonsense_is_passed_over(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(site, "cpv_kinds", "@hookimpl\ndef cpv_kind(path): return 'data' if path == 'x.bin' else 'weird'\n")
    use(site, monkeypatch)
    assert plugins.kind("x.bin") == "data"
    assert plugins.kind("y.bin") is None


def test_init_proposes_what_a_plugin_says_is_a_model(
    site: Path, monkeypatch: pytest.MonkeyPatch, make_repo: MakeRepo
) -> None:
    distribution(site, "cpv_kinds", "@hookimpl\ndef cpv_kind(path): return 'model' if path.endswith('.w8') else None\n")
    repo = make_repo("host")
    for name in ("net.w8", "net.unknown", "net.keras", "net.csv"):
        repo.write(name, bytes(proposals.MIN_BYTES + 1))
    use(site, monkeypatch)
    found = proposals.propose_artifacts(Repo.discover(repo.path), repo.path)
    assert {(one.path, one.kind) for one in found} == {("net.w8", "model"), ("net.keras", "model")}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import does_not_exist\n", "No module named 'does_not_exist'"),
        ("raise RuntimeError('broken\\nin two lines')\n", "broken in two lines"),
        ("@hookimpl\ndef cpv_metric(path): return {}\n", "unknown hook 'cpv_metric'"),
        ("@hookimpl\ndef cpv_metrics(paths): return {}\n", "'paths'"),
    ],
)
def test_a_broken_plugin_is_left_out_with_a_warning(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: str, reason: str
) -> None:
    distribution(site, "cpv_broken", code)
    use(site, monkeypatch)
    assert plugins.kind("model.bin") == "model"
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("cpv: warning: plugin cpv_broken left out: ")
    assert reason in lines[0]
    assert lines[0].endswith("; fix: pip uninstall cpv_broken")


def test_a_plugin_that_fails_later_is_named_once_and_left_out(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It breaks nothing: CPV's own answer is taken. Another plugin is asked all the same."""
    late = "@hookimpl\ndef cpv_kind(path): return 1 / 0\n@hookimpl\ndef cpv_checks(repo): return 1 / 0\n"
    distribution(site, "cpv_late", late)
    distribution(site, "cpv_other", "@hookimpl\ndef cpv_kind(path): return 'data' if path == 'x' else None\n")
    use(site, monkeypatch)
    assert [plugins.kind(path) for path in ("model.bin", "x", "model.bin")] == ["model", "data", "model"]
    assert list(plugins.all_answers("cpv_checks", repo=None)) == []
    assert capsys.readouterr().err == (
        "cpv: warning: plugin cpv_late (cpv_late) failed in cpv_kind: ZeroDivisionError('division by zero'); "
        "fix: pip uninstall cpv_late\n"
    )


@pytest.mark.parametrize("trouble", ["1 / 0", "open('/nonexistent/x')", "exit(3)"])
def test_whatever_a_plugin_raises(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], trouble: str
) -> None:
    distribution(site, "cpv_late", f"import sys\n@hookimpl\ndef cpv_metrics(path): return {trouble}\n")
    use(site, monkeypatch)
    log = site / "metrics.log"
    log.write_text("loss=0.5\n")
    assert plugins.metrics_in(log, "metrics.log") == {"loss": 0.5}
    assert capsys.readouterr().err.startswith("cpv: warning: plugin cpv_late (cpv_late) failed in cpv_metrics: ")
    with pytest.raises(OSError, match="gone"):  # CPV's own, which its caller knows
        plugins.metrics_in(site / "gone", "gone")


def test_a_tag_scheme_that_fails_ends_the_command(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it versions would get the wrong numbers."""
    distribution(site, "cpv_late", "@hookimpl\ndef cpv_tag_scheme(name): return 1 / 0\n")
    use(site, monkeypatch)
    with pytest.raises(CPVError) as error:
        plugins.tag_scheme("minor", Config())
    assert str(error.value) == (
        "plugin cpv_late (cpv_late) failed in cpv_tag_scheme: ZeroDivisionError('division by zero'); "
        "fix: pip uninstall cpv_late"
    )


def test_nothing_in_the_current_folder_can_name_a_plugin(shell: Shell) -> None:
    """A cloned repository with a plugin's metadata at its top, and CPV started with `python -m` or `-c` in it."""
    distribution(shell.path, "evil", "import pathlib; pathlib.Path('ran').touch()\n")
    (shell.path / "probe.py").write_text("from cpv_hooks.project import plugins\nprint(plugins.kind('a.bin'))\n")
    code = "from cpv_hooks.project import plugins; print(plugins.kind('a.bin'))"
    assert shell.python("-c", code).out == "model\n"
    assert shell.python("-m", "probe").out == "model\n"
    assert not (shell.path / "ran").exists()


def test_a_repository_cannot_stand_in_for_an_installed_plugin(
    site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    distribution(site, "cpv_real", "@hookimpl\ndef cpv_kind(path): return 'data'\n")
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "cpv_real.py").write_text("raise SystemExit('the clone was imported')\n")
    monkeypatch.chdir(clone)
    # What `python -m` does.
    monkeypatch.syspath_prepend(clone)
    use(site, monkeypatch)
    assert plugins.kind("model.bin") == "data"
    assert sys.path[0] == str(clone)


def test_the_specification_is_complete_and_pluggy_is_imported_late(shell: Shell) -> None:
    code = "import sys; import cpv_hooks.project.plugins, cpv_hooks.versions.tags; print('pluggy' in sys.modules)"
    assert shell.python("-c", code).out == "False\n"
    names = [name for name in vars(plugin_hooks.Specification) if not name.startswith("_")]
    assert set(names[:4]) == plugin_hooks.FIRST
    assert names[4:] == ["cpv_checks", "cpv_notifiers", "cpv_commands", "cpv_report_panel"]
    assert all(getattr(plugin_hooks.Specification, name).__doc__ for name in names)


def test_a_plugin_reads_models_and_is_asked_first(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cpv_hooks.system.byte_source import BytesSource

    code = """
from cpv_hooks.model_formats.record import Model, Tensor

@hookimpl
def cpv_model_reader(name, files):
    if name.endswith(".mine"):
        return Model(files[name].read(0, 4).decode(), (Tensor("weight", (2, 3), "F32"),))
    return "no model" if name == "odd" else None
"""
    distribution(site, "cpv_reader", code)
    use(site, monkeypatch)
    found = plugins.model("a.mine", {"a.mine": BytesSource(b"MINE and more")}, is_folder=False)
    assert found is not None
    assert (found.format, found.parameters) == ("MINE", 6)
    assert plugins.model("a.txt", {"a.txt": BytesSource(b"text")}, is_folder=False) is None
    assert plugins.model("odd", {"odd": BytesSource(b"text")}, is_folder=False) is None


def test_the_example_of_the_documentation_changes_each(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cpv_hooks.system.byte_source import BytesSource

    text = (Path(__file__).parents[2] / "docs/plugins.md").read_text()
    code = text.split("```python\n", 1)[1].split("```", 1)[0]
    documented = set(re.findall(r"^\| `(cpv_\w+)\(", text, re.MULTILINE))
    assert documented == {name for name in vars(plugin_hooks.Specification) if name.startswith("cpv_")}
    distribution(site, "our_cpv", code)
    use(site, monkeypatch)
    scheme = plugins.tag_scheme("calendar", Config())
    assert scheme is not None
    assert scheme.format(Line.MODEL, scheme.next(scheme.first())) == "cal-2026.2"
    assert scheme.parse(Line.DATA, "cal-data-2026.7") == (2026, 7)
    scores = site / "x.scores"
    scores.write_text('{"final": {"acc": 0.9}}')
    assert plugins.metrics_in(scores, "x.scores") == {"acc": 0.9}
    assert plugins.kind("a.weights") == "model"
    model = plugins.model("a.weights", {"a.weights": BytesSource(bytes([6] + [0] * 7))}, is_folder=False)
    assert model is not None
    assert (model.format, model.parameters) == ("weights", 6)
    assert list(plugins.commands()) == ["card"]
    assert plugins.report_panels([{"tag": "v0.1", "author": "Ada"}])[0].rows == [["v0.1", "Ada"]]
