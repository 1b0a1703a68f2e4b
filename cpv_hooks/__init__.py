"""CPV's engine: what Git's hooks run, and what `dvc cpv` and the Python API are faces of."""

__version__ = "0.1.0"
