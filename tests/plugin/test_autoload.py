"""`dvc cpv` is there after each kind of installation, gone after its removal, and never in DVC's way."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from dvc_cpv_plugin import autoload
from support.venv import PROJECT, Venv

# One environment is installed into and emptied by these tests in turn, so one worker has to run them all.
pytestmark = pytest.mark.xdist_group("venv")

LOADED = (
    "import sys; print(sorted(m for m in sys.modules if m.split('.')[0] in ('dvc', 'cpv_hooks', 'dvc_cpv_plugin')))"
)
FINDERS = "import sys; print([f.__name__ for f in sys.meta_path if getattr(f, '__name__', '') == '_CPV'])"


@pytest.fixture
def installed(venv: Venv, wheel: Path) -> Venv:
    if not (venv.site / "cpv_hooks/__init__.py").exists() or not (venv.site / "dvc_cpv.pth").exists():
        venv.install(wheel)
    return venv


def test_cpv_stands_beside_dvcs_own_commands(installed: Venv) -> None:
    listed = installed.dvc("--help").out
    for command in ("add", "checkout", "push", "cpv"):
        assert f"\n    {command} " in listed
    shown = installed.dvc("cpv", "--help")
    assert shown.out.startswith("usage: dvc cpv [-h] [-q | -v] COMMAND")
    assert shown.err == ""


def test_wrong_usage_is_answered_in_three_lines_with_dvcs_exit_code(installed: Venv) -> None:
    refused = installed.dvc("cpv", "nonsense", status=254)
    error, *rest = refused.err.splitlines()
    assert error.startswith("ERROR: argument COMMAND: invalid choice: 'nonsense'")
    assert rest == ["usage: dvc cpv [OPTION ...] COMMAND ...", "see: dvc cpv --help"]
    for words in (("log", "-n", "x"), ("--nonsense", "log"), ("promote",)):
        refused = installed.dvc("cpv", *words, status=254)
        assert refused.err.startswith("ERROR: ")
        assert (refused.err.count("\n"), refused.out) == (3, "")
    assert refused.err.endswith("usage: dvc cpv promote [OPTION ...] TAG STAGE\nsee: dvc cpv promote --help\n")


def test_shell_completion_knows_it(installed: Venv) -> None:
    assert "cpv" in installed.dvc("completion", "-s", "bash").out


def test_console_script_is_the_same_tree(installed: Venv) -> None:
    by_script = installed.python(str(installed.bin / "cpv"), "--help").out
    assert by_script == installed.dvc("cpv", "--help").out


def test_every_other_start_of_python_imports_nothing(installed: Venv) -> None:
    assert installed.python("-c", LOADED).out == "[]\n"
    assert installed.python("-c", FINDERS).out == "['_CPV']\n"
    assert installed.python("-c", "import dvc; " + LOADED).out.count("cpv") == 0


def test_a_command_of_ours_does_not_wait_for_dvcs_own(installed: Venv) -> None:
    """Neither their modules nor `dvc.repo`, which DVC imports at the end of every command."""
    watched = {"PYTHONPROFILEIMPORTTIME": "1"}
    for words in (["config", "list"], ["--help"]):
        shown = installed.dvc("cpv", *words, env=watched)
        assert shown.out
        imported = {line.rpartition("|")[2].strip() for line in shown.err.splitlines()}
        assert "dvc.config" in imported
        assert imported.isdisjoint({"dvc.commands.add", "dvc.repo", "dvc.repo.open_repo"})
    assert "dvc.repo" in installed.dvc("cpv", "-v", "config", "list", env=watched).err


def test_options_and_exit_codes_are_those_of_dvc(installed: Venv, tmp_path: Path) -> None:
    """Each with the long way (`--show-stack` is DVC's own) beside it."""
    for words in (["cpv", "config", "get", "nonsense"], ["cpv", "tag"], ["cpv", "--cd", "x"], ["cpv", "-q", "tag"]):
        short, long = (installed.dvc(*words, *more, status=None) for more in ([], ["--show-stack"]))
        assert (short.status, short.out) == (long.status, long.out), words
    there = installed.dvc("--cd", str(tmp_path), "cpv", "status", status=None)
    assert (there.status, there.err.count("\n")) == (1, 1)
    assert str(tmp_path) in there.err


def test_who_calls_dvc_goes_on_after_our_command(installed: Venv) -> None:
    code = "import sys; from dvc.cli import main; code = main(['cpv', 'config', 'list']); print('on', code)"
    assert installed.python("-c", code).lines[-1] == "on 0"


@pytest.mark.parametrize(("refused", "is_sent"), [("", True), ("1", False)])
def test_dvcs_report_of_use_is_sent_where_it_is_on(
    installed: Venv, tmp_path: Path, refused: str, *, is_sent: bool
) -> None:
    """By the process that DVC starts for it, which makes this log."""
    log = tmp_path / "log"
    daemon = {"DVC_ANALYTICS_ENDPOINT": "http://127.0.0.1:9", "DVC_DAEMON_LOGFILE": str(log)}
    settings = {"DVC_GLOBAL_CONFIG_DIR": str(tmp_path), "DVC_TEST": "false", "DVC_NO_ANALYTICS": refused}
    installed.dvc("cpv", "config", "list", env={**daemon, **settings})
    assert log.exists() is is_sent


def test_two_copies_of_the_finder_add_one_command(installed: Venv) -> None:
    # As in a virtual environment that sees a system one, both with the package. (Python itself runs the .pth files of
    # a virtual environment twice; the line takes care of that.)
    code = """
import sys
sys.meta_path.insert(0, next(f for f in sys.meta_path if getattr(f, "__name__", "") == "_CPV"))
from dvc.cli.parser import COMMANDS
print([c.__name__ for c in COMMANDS].count("PthEntry"))
"""
    assert installed.python("-c", code).out == "1\n"


def test_tools_still_find_the_parsers_source(installed: Venv) -> None:
    code = "import inspect, dvc.cli.parser as p; print('COMMANDS = [' in inspect.getsource(p), p.__loader__.name)"
    assert installed.python("-c", code).out == "True dvc.cli.parser\n"


def test_dvc_works_when_the_plugin_is_missing(installed: Venv) -> None:
    code = "import sys; sys.modules['dvc_cpv_plugin'] = None; from dvc.cli import main; sys.exit(main(['--help']))"
    shown = installed.python("-c", code)
    assert "\n    add " in shown.out
    assert "cpv" not in shown.text


def test_dvc_works_when_the_plugin_is_broken(installed: Venv) -> None:
    code = "import sys; sys.modules['dvc_cpv_plugin.commands'] = None; from dvc.cli import main; main(['root', '-h'])"
    shown = installed.python("-c", code)
    assert shown.out.startswith("usage: dvc root")
    assert shown.err.startswith("cpv: `dvc cpv` could not be loaded (ModuleNotFoundError: ")
    assert shown.err.endswith("; DVC and the Git hooks go on; fix: pip install -U dvc-cpv\n")


def changed_dvc(folder: Path) -> Path:
    """The installed DVC, linked into `folder`, with its parser's list of commands under another name."""
    real = Path(sysconfig.get_path("purelib")) / "dvc"
    (folder / "dvc/cli").mkdir(parents=True)
    for entry in [*real.iterdir(), *(real / "cli").iterdir()]:
        if entry.name not in ("cli", "parser.py", "__pycache__"):
            (folder / entry.relative_to(real.parent)).symlink_to(entry)
    text = (real / "cli/parser.py").read_text()
    assert text.count("COMMANDS") == 2
    (folder / "dvc/cli/parser.py").write_text(text.replace("COMMANDS", "_COMMAND_MODULES"))
    return folder


@pytest.mark.compatibility(
    "DVC", "a DVC whose command line changed", limit="`dvc` works and warns once; `cpv` is the command"
)
def test_a_dvc_whose_parser_changed_gets_one_warning_and_works(installed: Venv, tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(changed_dvc(tmp_path))}
    shown = installed.dvc("root", "--help", env=env)
    assert shown.out.startswith("usage: dvc root")
    assert shown.err == (
        "cpv: `dvc cpv` is off: this DVC has no list dvc.cli.parser.COMMANDS; DVC and the Git hooks go on; "
        "fix: pip install -U dvc-cpv\n"
    )
    assert installed.python(str(installed.bin / "cpv"), "--help", env=env).out.startswith("usage: dvc cpv")


def test_uninstall_leaves_nothing(installed: Venv) -> None:
    installed.uninstall()
    assert not [path.name for path in installed.site.iterdir() if "cpv" in path.name]
    assert installed.python("-c", FINDERS).out == "[]\n"
    assert "invalid choice: 'cpv'" in installed.dvc("cpv", status=254).text


def test_editable_install_has_the_command_and_the_live_templates(venv: Venv) -> None:
    venv.install(PROJECT, editable=True)
    assert venv.dvc("cpv", "--help").out.startswith("usage: dvc cpv")
    code = "from cpv_hooks.setup.install.templates import templates; print(templates())"
    assert Path(venv.python("-c", code).out.strip()) == PROJECT / "hook-templates"
    venv.uninstall()
    assert "invalid choice: 'cpv'" in venv.dvc("cpv", status=254).text
    assert not shutil.which("cpv", path=str(venv.bin))


def test_a_parser_called_in_another_way_is_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    autoload.PthEntry.add_parser("one", "two", "three")
    shown = capsys.readouterr()
    assert shown.err.startswith("cpv: `dvc cpv` could not be loaded (TypeError: add_parser() takes 2 positional")
    assert shown.err.count("\n") == 1


def test_appending_twice_adds_one_entry() -> None:
    parser = ModuleType("parser")
    parser.COMMANDS = []  # type: ignore[attr-defined]
    assert autoload.add_to_dvc(parser)
    assert autoload.add_to_dvc(parser)
    assert [autoload.PthEntry] == parser.COMMANDS  # type: ignore[attr-defined]
