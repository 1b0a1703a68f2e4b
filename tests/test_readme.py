"""The README says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from cpv_hooks.project.config import Config, load
from dvc_cpv_plugin.commands import NOUNS

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_settings_shown_are_the_defaults(tmp_path: Path) -> None:
    shown = re.search(r"```toml\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    (tmp_path / ".cpv.toml").write_text(shown[1])
    assert load(tmp_path) == Config()


def test_every_command_is_listed() -> None:
    table = README.split("## Commands", 1)[1].split("## Settings", 1)[0]
    assert set(re.findall(r"`([a-z-]+)[ `]", table.replace("`dvc cpv", "").replace("`cpv ", ""))) >= set(NOUNS)


def test_every_personal_setting_is_listed() -> None:
    from cpv_hooks.accounts.personal import settings

    table = README.split("Personal settings are not versioned", 1)[1].split("\n## ", 1)[0]
    assert set(settings.keys()) - {"version", "quiet"} <= set(re.findall(r"`([a-z_.]+)`", table))


def test_each_line_of_the_specification_names_a_test_that_is_there() -> None:
    table = README.split("## The specification, line by line", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"`(test_\w+)`", table))
    source = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    defined = set(re.findall(r"^ *def (test_\w+)", source, re.MULTILINE))
    assert len(named) > 60
    assert named <= defined, sorted(named - defined)
