"""`python -m tests.bench` in a checkout, or `python tests/bench`."""

from __future__ import annotations

import sys
from pathlib import Path

# The benchmarks share their tools (`support`) with the tests, which find them here too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
