"""What the plugin's .pth line costs each start of Python, beside a .pth line that does nothing.

Run it with `python tests/bench/plugin_tax.py`; it prints milliseconds. The two kinds of start alternate, so that both
meet the same machine.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
import venv
from pathlib import Path

ROUNDS = 300
LINES = {
    "none": None,
    "import os": "import os\n",
    "ours": (Path(__file__).parents[2] / "dvc_cpv_plugin/dvc_cpv.pth").read_text(),
}


def start(python: Path) -> float:
    begin = time.perf_counter()
    subprocess.run([python, "-I", "-c", "pass"], check=True)
    return 1000 * (time.perf_counter() - begin)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pythons = {}
        for name, line in LINES.items():
            path = Path(folder, name.replace(" ", "-"))
            venv.create(path, with_pip=False)
            if line:
                next(path.glob("lib/*/site-packages")).joinpath("line.pth").write_text(line)
            pythons[name] = path / "bin/python"
        times: dict[str, list[float]] = {name: [] for name in LINES}
        for _ in range(ROUNDS):
            for name, python in pythons.items():
                times[name].append(start(python))
    base = statistics.median(times["none"])
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:10} median {middle:6.2f} ms  min {min(values):6.2f} ms  tax {middle - base:+.2f} ms")


if __name__ == "__main__":
    main()
