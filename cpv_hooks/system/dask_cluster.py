"""A Dask cluster (https://distributed.dask.org), reached by its scheduler's address."""

from __future__ import annotations

from typing import Any

from cpv_hooks.errors import CPVError


def connect_cluster(address: str) -> Any:
    """A client of the cluster; the caller closes it.

    Raises `CPVError` where `distributed` is not installed or no scheduler answers.
    """
    try:
        import distributed
    except ImportError as error:
        raise CPVError("Dask's distributed is not installed", fix="pip install distributed") from error
    try:
        return distributed.Client(address, timeout="10s")
    except (OSError, TimeoutError, ValueError) as error:
        what = f"no Dask scheduler answers at {address}"
        raise CPVError(what, fix="dask scheduler, and its address as it prints it") from error
