"""The benchmark's command line: which work, how much of it, and where the results go."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench import (
    commands,
    credentials,
    curve_artifacts,
    curve_files,
    curve_roots,
    curve_sizes,
    curve_versions,
    folders,
    history,
    hooks,
    install,
    markdown,
    models,
    ranks,
    starts,
    training,
    transfers,
)
from bench.bench import Bench, opened, say
from bench.curves import Curve
from bench.forms import FULL, SHORT, SMALLEST, Form
from bench.machine import describe
from bench.measure import Row
from bench.plot import svg
from bench.report import as_data, show, show_machine

WORK: dict[str, Callable[[Bench], Iterator[Row | Curve]]] = {
    "hooks": hooks.rows,
    "tax": starts.tax,
    "startup": starts.startup,
    "snapshot": models.snapshot,
    "commit": models.whole_commit,
    "folders": folders.rows,
    "transfers": transfers.rows,
    "tls": transfers.far,
    "commands": commands.rows,
    "credentials": credentials.rows,
    "history": history.rows,
    "training": training.rows,
    "ranks": ranks.rows,
    "install": install.rows,
    "curve-files": curve_files.rows,
    "curve-sizes": curve_sizes.rows,
    "curve-versions": curve_versions.rows,
    "curve-artifacts": curve_artifacts.rows,
    "curve-roots": curve_roots.rows,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    arguments = _parser().parse_args(argv)
    if arguments.results:
        if not arguments.markdown:
            raise SystemExit("--results needs --markdown FILE")
        markdown.write(arguments.markdown, [json.loads(path.read_text()) for path in arguments.results])
        return 0
    form: Form = arguments.form
    began, results = time.monotonic(), list[Row | Curve]()
    temporary = tempfile.TemporaryDirectory(dir=arguments.folder, prefix="cpv-bench-", ignore_cleanup_errors=True)
    with temporary as folder, opened(Path(folder), form, arguments.against) as bench:
        machine = {**describe(Path(folder)), "form": form.name}
        for name in arguments.only:
            started = time.monotonic()
            for result in WORK[name](bench):
                results.append(result)
                show(result)
            say(f"{name}: {time.monotonic() - started:.0f} s")
            # Much less processor time than two cores have in a run: other work was there, or the disk was slow.
            took = f"{time.monotonic() - began:.0f} s, {sum(os.times()[:4]):.0f} s of processor time"
            # Each time anew, so that a long run that is stopped leaves what it has.
            _write(arguments, {**machine, "took": took}, results)
        show_machine({**machine, "took": took})
    return 0


def _write(arguments: argparse.Namespace, machine: Mapping[str, str], results: Sequence[Row | Curve]) -> None:
    data = {"machine": machine, "results": [as_data(result) for result in results]}
    if arguments.json:
        arguments.json.write_text(json.dumps(data, indent=1) + "\n")
    if arguments.markdown:
        markdown.write(arguments.markdown, [json.loads(json.dumps(data))])
    if arguments.plots:
        arguments.plots.mkdir(parents=True, exist_ok=True)
        for result in results:
            if isinstance(result, Curve):
                (arguments.plots / f"{result.name}.svg").write_text(svg(result))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure CPV beside its peers: medians, spread, the ratio of CPV's time to each peer's, the peak "
        "memory of the largest process. Without --full it takes ten minutes on two cores.",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", dest="form", action="store_const", const=FULL, help="up to 10 GB, 10^6 files: hours")
    size.add_argument("--smallest", dest="form", action="store_const", const=SMALLEST, help="to see that it works")
    parser.set_defaults(form=SHORT)
    parser.add_argument(
        "--only", nargs="+", choices=list(WORK), default=list(WORK), metavar="NAME", help=", ".join(WORK)
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write tables below the mark of this page")
    parser.add_argument(
        "--results", type=Path, nargs="+", metavar="JSON", help="with --markdown: measure nothing, take these results"
    )
    parser.add_argument("--against", metavar="REV", help="measure short commands of that revision too (work: commands)")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="write a plot of each curve there, as SVG")
    parser.add_argument("--folder", type=Path, help="measure on this disk (default: the one of temporary files)")
    return parser
