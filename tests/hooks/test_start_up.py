"""What starts cost: how many of our modules each hook imports, and none of the heavy ones; what lists leave alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.hook_names import FSMONITOR, HOOKS
from support import two_versions
from support.git_calls import git_calls
from support.shell import Shell

MODULES = {
    FSMONITOR: 38,
    "pre-commit": 41,
    "pre-merge-commit": 42,
    "prepare-commit-msg": 14,
    "post-commit": 53,
    "post-checkout": 37,
    "post-index-change": 37,
    "post-merge": 48,
    "post-rewrite": 49,
    "pre-push": 47,
    "reference-transaction": 27,
}
"""The most modules of ours that each hook may import before it knows what there is to do. Lower one when you can."""
HEAVY = ("asyncio", "boto3", "dataclasses", "dvc", "inspect", "pluggy", "pydantic", "pygit2", "rich", "sqlite3")


def test_every_hook_is_in_the_table() -> None:
    assert set(MODULES) == {FSMONITOR, *HOOKS}


@pytest.mark.parametrize("hook", MODULES)
def test_a_hook_imports_no_more_than_it_needs(shell: Shell, hook: str) -> None:
    code = (
        f"import json, sys, cpv_hooks.__main__, cpv_hooks.hooks.{hook.replace('-', '_')}\n"
        "ours = [name for name, module in sys.modules.items()\n"
        "        if name.startswith('cpv_hooks.') and not hasattr(module, '__path__')]\n"
        f"print(json.dumps([ours, [name for name in {HEAVY!r} if name in sys.modules]]))"
    )
    ours, heavy = json.loads(shell.run(sys.executable, "-I", "-c", code).out)
    assert heavy == []
    assert 0 < len(ours) <= MODULES[hook], sorted(ours)


GIT_COMMANDS = 24
"""The most Git commands that a commit of a changed model may start, itself among them. Lower it when you can."""


def test_a_commit_of_a_model_starts_no_more_git_commands_than_it_needs(make_repo: MakeRepo) -> None:
    model = make_repo()
    counts = []
    for number in range(3):
        model.write("model.bin", f"trained, round {number}\n")
        counts.append(len(git_calls(model, "commit", "-qm", "trained")))
    # The first one makes sure that no client without hooks has left a commit without its number.
    assert max(counts[1:]) <= GIT_COMMANDS, counts


LISTS = ("model list-tags", "data list-tags", "checkpoint list", "log", "status", "rescue list")
STARTED = ("asyncio", "boto3", "dataclasses", "dvc", "pluggy", "pydantic", "rich")


def test_a_list_starts_neither_dvc_nor_what_checks_settings(tmp_path: Path) -> None:
    model = two_versions.copy(tmp_path)
    model.write(".dvcignore", "*.tmp\n__pycache__/\n")
    model.cpv("status")  # DVC has read its configuration, which is kept
    for words in LISTS:
        code = (
            "import json, sys\nfrom dvc_cpv_plugin.cli import main\n"
            f"status = main({words.split()!r})\n"
            f"print(json.dumps([status, [name for name in {STARTED!r} if name in sys.modules]]))"
        )
        last = model.run(sys.executable, "-I", "-c", code).out.splitlines()[-1]
        assert (words, json.loads(last)) == (words, [0, []])


HELP = {"--help": 8, "tag --help": 12, "model info --help": 50}
"""The most modules of ours that a help may import. Lower one when you can."""


@pytest.mark.parametrize("words", HELP)
def test_a_help_imports_no_engine(shell: Shell, words: str) -> None:
    code = (
        "import atexit, json, sys\nfrom dvc_cpv_plugin.cli import main\n"
        "def report():\n"
        "    ours = [name for name, module in sys.modules.items()\n"
        "            if name.startswith(('cpv_hooks.', 'dvc_cpv_plugin.')) and not hasattr(module, '__path__')]\n"
        f"    print(json.dumps([ours, [name for name in {HEAVY!r} if name in sys.modules]]))\n"
        "atexit.register(report)\n"
        f"main({words.split()!r})"
    )
    ours, heavy = json.loads(shell.run(sys.executable, "-I", "-c", code).out.splitlines()[-1])
    assert heavy == []
    assert 0 < len(ours) <= HELP[words], sorted(ours)


def test_a_hook_that_pre_commit_runs_inside_our_shim_imports_nothing_of_its_own(shell: Shell) -> None:
    code = (
        "import sys, cpv_hooks.__main__\n"
        "status = cpv_hooks.__main__.main(['post-commit'])\n"
        "print(status, sorted(name for name in sys.modules if name.startswith('cpv_hooks.')))"
    )
    shown = shell.run(sys.executable, "-I", "-c", code, env={"CPV_SHIM": "/a/repository post-commit"}).out
    assert shown == "0 ['cpv_hooks.__main__', 'cpv_hooks.git', 'cpv_hooks.git.hook_names']\n"
