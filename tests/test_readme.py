"""The README says what is so."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import api_reference
import specification_table

from cpv_hooks.project.config import FETCH_KEYS, KINDS, Config
from cpv_hooks.project.config_file import SCHEMA, load_config
from dvc_cpv_plugin.commands import NOUNS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs/settings.md").read_text()


def test_settings_shown_are_the_defaults(tmp_path: Path) -> None:
    shown = re.search(r"```toml\n(.*?)```", SETTINGS, re.DOTALL)
    assert shown is not None
    (tmp_path / ".cpv.toml").write_text(shown[1])
    assert load_config(tmp_path) == Config()


def test_every_setting_is_shown() -> None:
    block = re.search(r"```toml\n(.*?)```", SETTINGS, re.DOTALL)
    assert block is not None
    _, *sections = re.split(r"(?m)^\[(\w+)\].*$", block[1])
    shown = {
        name: set(re.findall(r"(?m)^(?:# )?(\w+) = ", text))
        for name, text in zip(sections[::2], sections[1::2], strict=True)
    }
    assert {name: set(keys) for name, keys in SCHEMA.items()}.items() <= shown.items()
    assert shown["artifacts"] == set(KINDS)
    assert shown["fetch"] == set(FETCH_KEYS)


def test_every_command_is_listed() -> None:
    table = README.split("## Commands", 1)[1].split("## Documentation", 1)[0]
    assert set(re.findall(r"`([a-z-]+)[ `]", table.replace("`dvc cpv", "").replace("`cpv ", ""))) >= set(NOUNS)


def test_every_personal_setting_is_listed() -> None:
    from cpv_hooks.accounts.personal import personal_settings

    table = SETTINGS.split("Personal settings are not versioned", 1)[1].split("\n## ", 1)[0]
    assert set(personal_settings.keys()) - {"version", "quiet"} <= set(re.findall(r"`([a-z_.]+)`", table))


def test_the_table_of_the_specification_is_what_the_tests_say() -> None:
    assert len(specification_table.rows()) > 70
    assert specification_table.PAGE.read_text() == specification_table.page(), "python tests/specification_table.py"


def anchors(page: Path) -> set[str]:
    """The headings of a page, as a Git host links to them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_reference_of_the_python_api_is_current() -> None:
    assert api_reference.PAGE.read_text() == api_reference.page(), "python tests/api_reference.py writes it anew"


def test_every_link_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    assert len(pages) > 8
    for page in pages:
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text()):
            file = page.parent / target if target else page
            assert file.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(file), f"{page.name}: {target}#{anchor}"


def test_the_first_page_is_short() -> None:
    assert len(README.splitlines()) <= 200
    linked = set(re.findall(r"docs/([\w-]+\.md)", README))
    assert linked == {page.name for page in (ROOT / "docs").glob("*.md")}


def test_the_packages_that_the_tests_need_are_those_that_ci_installs() -> None:
    ci = re.search("apt-get install -qy (.+)", (ROOT / ".ci/run").read_text())
    readme = re.search("apt-get install -y (.+?) &&", README)
    assert ci is not None
    assert readme is not None
    # What somebody who has cloned this and made a virtual environment has already.
    assert set(ci[1].split()) - {"git", "openssh-client", "python3-venv"} == set(readme[1].split())


def test_every_file_that_a_job_names_is_there() -> None:
    """pytest runs nothing at all where one of its arguments is missing."""
    jobs = [ROOT / ".ci/run", ROOT / "CONTRIBUTING.md", *ROOT.glob("tests/*/run"), *ROOT.glob("tests/outside/*")]
    texts = [job.read_text() for job in jobs if job.is_file()]
    # DVC's own are under tests/func and tests/unit.
    named = {word.rstrip(".,") for text in texts for word in re.findall(r"\btests/(?!func|unit)[\w/{},.*-]*", text)}
    assert len(named) > 20
    # The shell leaves a pattern that fits nothing as it is.
    looked = "\n".join(f"for file in {word}; do [ -e $file ] || echo $file; done" for word in sorted(named))
    assert subprocess.run(["bash", "-c", looked], cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""
