"""Benchmarks: CPV beside DVC, git-lfs, s5cmd and pre-commit, on one machine in one run; nobody asserts times.

Start them with `python -m tests.bench`; `--help` lists what there is.
"""
