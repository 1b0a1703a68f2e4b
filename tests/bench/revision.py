"""An earlier revision of CPV beside this one, with the same packages that it needs."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
from io import BytesIO
from pathlib import Path

from bench.bench import Bench
from bench.install import PROJECT, as_outside


def build(bench: Bench, revision: str) -> Path:
    """Install it into an environment of its own; the folder of its programs, `dvc` among them.

    Everything else is this environment's: Python reads no `.pth` file of a folder that it was led to by one, so this
    CPV is not met there. This environment's `dvc` would start this CPV, so that one has a `dvc` too.
    """
    folder = bench.folder("against")
    archive = subprocess.run(["git", "archive", revision], cwd=PROJECT, capture_output=True, check=False)
    if archive.returncode:
        raise SystemExit(f"--against {revision}: {archive.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(folder / "source", filter="data")
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    programs = folder / "venv" / "bin"
    words = [*as_outside(bench), str(programs / "python"), "-m", "pip", "install", "-q", "--no-deps", "./source"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"--against {revision}: {done.stderr[-2000:]}")
    packages = [path for path in sys.path if Path(path).name.endswith("-packages")]
    site = next((folder / "venv").glob("lib/*/site-packages"))
    # What stands there comes after the environment's own packages.
    site.joinpath("zz-packages.pth").write_text("".join(f"{path}\n" for path in packages))
    program = programs / "dvc"
    program.write_text(f"#!{programs / 'python'}\nimport sys\n\nfrom dvc.cli import main\n\nsys.exit(main())\n")
    program.chmod(0o755)
    return programs
