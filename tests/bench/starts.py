"""What the plugin's `.pth` line adds to starts of Python and of DVC."""

from __future__ import annotations

import os
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

from bench.bench import Bench
from bench.measure import Contest, Contestant, Row

PROJECT = Path(__file__).resolve().parents[2]
LINE = PROJECT / "dvc_cpv_plugin" / "dvc_cpv.pth"
MINE, WITHOUT, TRIVIAL = "with CPV's line", "without", "a line `import os`"
STARTS = {
    "dvc --help": ("-m", "dvc", "--help"),
    "import dvc.repo": ("-c", "import dvc.repo"),
}


def tax(bench: Bench) -> Iterator[Row]:
    """`python -c pass`, with nothing on its path but the line."""
    lines = {MINE: LINE.read_text(), WITHOUT: "", TRIVIAL: "import os\n"}
    pythons = {name: _python(bench, f"tax-{n}", line) for n, (name, line) in enumerate(lines.items())}
    yield _contest("python -I -c pass", pythons, ("-I", "-c", "pass"), bench.form.starts, 3, WITHOUT).run()


def startup(bench: Bench) -> Iterator[Row]:
    """DVC's own starts, from this environment's packages, with and without the line."""
    # Python reads no `.pth` file of a folder that it was led to by one, so CPV's line of this environment is not met.
    found = [path for path in sys.path if Path(path).name.endswith("-packages")]
    packages = "\n".join([*found, str(PROJECT), ""])
    pythons = {name: _python(bench, f"start-{n}", packages) for n, name in enumerate((MINE, WITHOUT))}
    _site(pythons[MINE]).joinpath("zz.pth").write_text(LINE.read_text())
    for work, words in STARTS.items():
        yield _contest(work, pythons, words, bench.form.quick, 1, None).run()


def _contest(
    work: str, pythons: dict[str, Path], words: tuple[str, ...], rounds: int, warm: int, base: str | None
) -> Contest:
    def contestant(name: str, python: Path) -> Contestant:
        return Contestant(name, python.parent, lambda number: [str(python), *words])

    return Contest(work, [contestant(*item) for item in pythons.items()], rounds, warm, base)


def _python(bench: Bench, name: str, text: str) -> Path:
    """An environment with one `.pth` file."""
    folder = bench.folder(name)
    venv.create(folder, with_pip=False, symlinks=os.name == "posix")
    python = folder / "bin" / "python"
    _site(python).joinpath("line.pth").write_text(text)
    return python


def _site(python: Path) -> Path:
    return next(python.parents[1].glob("lib/*/site-packages"))
