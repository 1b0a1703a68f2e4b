"""Repositories whose reports are looked at, and pages on which nothing may go wrong."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from support.long_history import SETTINGS, MadeVersion, training, write

NASTY = "</script><img src=x onerror=hacked()>'\"\u2028<script>hacked()</script>{{data}}"
HOSTILE_METRIC = '<b onclick=hacked()>acc</b>\\"+hacked()+"'
Open = Callable[..., Page]


def hostile(number: int) -> MadeVersion:
    """The last version is somebody's who wants his texts to be run."""
    made = training(number)
    if number < 24:
        return made
    name = HOSTILE_METRIC
    return made._replace(
        message=NASTY,
        author="Eve &lt;b&gt; 'quoted' &amp;",
        metrics={**made.metrics, name: 0.5},
        params=f"{made.params}'<u>key</u>': '</script><script>hacked()</script>'\n",
    )


def _repository(folder: Path, versions: int, made: Callable[[int], MadeVersion]) -> Path:
    def run(*command: str) -> None:
        subprocess.run(command, cwd=folder, check=True)

    folder.mkdir()
    run("git", "init", "-q")
    run("dvc", "init", "-q")
    (folder / ".cpv.toml").write_text(SETTINGS)
    run("git", "add", "-A")
    run("git", "commit", "-qm", "first")
    write(folder, versions, made, began=int(time.time()) - 9 * 3600 * (versions + 1))
    return folder


def _report(folder: Path, name: str) -> Path:
    page = folder / "page" / f"{name}.html"
    page.parent.mkdir()
    subprocess.run(["cpv", "report", "--out", str(page)], cwd=folder, check=True)
    return page


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of 24 versions, of which v0.9, then v0.20 was in production; v0.24 is hostile."""
    folder = _repository(tmp_path_factory.mktemp("small") / "resnet", 24, hostile)
    for tag, stage in (("v0.9", "production"), ("v0.20", "production"), ("v0.23", "staging")):
        subprocess.run(["cpv", "promote", tag, stage], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return _report(folder, "small")


@pytest.fixture(scope="session")
def empty(small: Path) -> Path:
    """The report of none of these versions."""
    page = small.with_name("empty.html")
    subprocess.run(["cpv", "report", "-n", "0", "--out", str(page)], cwd=small.parents[1], check=True)
    return page


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of 1,000 versions."""
    return _report(_repository(tmp_path_factory.mktemp("large") / "resnet", 1000, training), "large")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=arguments)
        yield found
        found.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens a report; at the end nothing was requested but that file, and the console has said nothing."""
    asked: list[str] = []
    said: list[str] = []
    contexts = []

    def opened(report: Path, *, width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        page.goto(report.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert {url.partition("#")[0] for url in asked if not url.startswith("data:")} <= {
        url for url in asked if url.startswith("file:") and url.endswith(".html")
    }
    assert said == []
