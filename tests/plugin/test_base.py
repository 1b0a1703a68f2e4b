"""What all `dvc cpv` commands have in common, and the console script."""

from __future__ import annotations

import argparse
import os
import re

import pytest

from cpv_hooks.errors import CPVError
from dvc_cpv_plugin import commands
from dvc_cpv_plugin.commands.base import CPVCommand
from support.shell import BIN, Shell


class Failing(CPVCommand):
    def run(self) -> int:
        raise CPVError("it is so", where="here", fix="do that")


class Reporting(CPVCommand):
    def run(self) -> int:
        from cpv_hooks.console.output import say

        say("hello")
        return 7


def arguments(**given: object) -> argparse.Namespace:
    return argparse.Namespace(**{"cd": ".", "quiet": 0, "verbose": 0, **given})


@pytest.mark.parametrize("quiet", [0, 1])
def test_an_error_is_one_line_and_status_1_when_quiet_too(capsys: pytest.CaptureFixture[str], quiet: int) -> None:
    assert Failing(arguments(quiet=quiet)).do_run() == 1
    assert capsys.readouterr().err == "cpv: here: it is so; fix: do that\n"


def test_quiet_silences_and_is_not_left_behind(capsys: pytest.CaptureFixture[str]) -> None:
    assert Reporting(arguments(quiet=1)).do_run() == 7
    assert capsys.readouterr().err == ""
    assert "CPV_QUIET" not in os.environ
    assert Reporting(arguments()).do_run() == 7
    assert capsys.readouterr().err == "cpv: hello\n"


def test_verbose_shows_where_an_error_comes_from(shell: Shell) -> None:
    assert "Traceback" not in shell.cpv("sync", status=1).text
    assert "Traceback" in shell.cpv("sync", "-v", status=1).text


def test_every_noun_is_there_with_help_and_examples(shell: Shell) -> None:
    code = """
import contextlib
from dvc.cli.parser import get_main_parser
from dvc_cpv_plugin.commands import NOUNS
for noun in ("", *NOUNS):
    print("== " + noun)
    with contextlib.suppress(SystemExit):
        get_main_parser().parse_args(["cpv", *filter(None, [noun]), "--help"])
"""
    listing, *helps = shell.python("-c", code).out.removeprefix("== ").split("\n== ")
    assert len(helps) == len(commands.NOUNS)
    for noun, shown in zip(commands.NOUNS, helps, strict=True):
        assert re.search(rf"\n    {noun}\s", listing)
        assert shown.startswith(f"{noun}\nusage: dvc cpv {noun} ")
        assert "\nexamples:\n" in shown


class TestConsoleScript:
    def test_version(self, shell: Shell) -> None:
        from cpv_hooks import __version__

        assert shell.run(BIN / "cpv", "--version").out == f"{__version__}\n"

    def test_options_of_dvc_itself_come_first(self, shell: Shell) -> None:
        (shell.path / "sub").mkdir()
        done = shell.run(BIN / "cpv", "--cd", "sub", "--wait-for-lock", "sync", status=1)
        assert f"{shell.path / 'sub'}: not inside a Git work tree" in done.err
        assert shell.run(BIN / "cpv", "--cd=sub", "sync", status=1).err == done.err

    def test_exit_codes_are_dvcs(self, shell: Shell) -> None:
        assert shell.run(BIN / "cpv", "nonsense", status=254).status == shell.cpv("nonsense", status=254).status


def test_a_noun_that_cannot_be_imported_is_named_and_the_others_work(shell: Shell) -> None:
    code = (
        "import sys; sys.modules['dvc_cpv_plugin.commands.doctor'] = None; "
        "from dvc.cli import main; sys.exit(main(['cpv', sys.argv[1], '--help']))"
    )
    assert shell.python("-c", code, "tag").out.startswith("usage: dvc cpv tag")
    shown = shell.python("-c", code, "doctor", status=1)
    assert shown.err.startswith("cpv: `dvc cpv doctor` could not be loaded (ModuleNotFoundError: ")
    assert shown.err.count("\n") == 1


def test_a_command_imports_dvc_only_where_it_needs_it(shell: Shell) -> None:
    code = (
        "import sys; from dvc_cpv_plugin.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('dvc', 'boto3', 'pydantic', 'rich') if name in sys.modules])"
    )
    for words in (["--help"], ["tag", "--help"], ["rescue", "list"], ["sync", "--status"]):
        assert shell.python("-c", code, *words).out.splitlines()[-1] == "[]", words


def test_no_other_command_of_dvc_imports_a_noun(shell: Shell) -> None:
    listed = "print([name for name in sys.modules if name.startswith('dvc_cpv_plugin.commands.')])"
    code = f"import atexit, sys; atexit.register(lambda: {listed}); from dvc.cli import main; main(['root', '--help'])"
    imported = shell.python("-c", code).out.splitlines()[-1]
    assert imported == "['dvc_cpv_plugin.commands.nouns']"
