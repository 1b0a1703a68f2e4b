"""DVC's report of use at the end of a command: whether it is sent, which DVC would start all of itself to find out."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def send_report(code: int) -> None:
    """What `dvc.cli.main` does at its end, without the import of `dvc.repo` that its question takes."""
    if os.environ.get("DVC_NO_ANALYTICS"):
        return
    from dvc import analytics

    is_on = None if os.environ.get("DVC_TEST") else _known()
    if analytics.is_enabled() if is_on is None else is_on:
        analytics.collect_and_send_report(None, code)


def spare_report() -> None:
    """Send none after a failure where DVC's configuration cannot be read: what is wrong has been said by then, and DVC,
    which would read it once more, would print a traceback."""
    if "dvc.cli" not in sys.modules or _known() is not None:
        return
    from dvc.config import Config, ConfigError

    try:
        Config.from_cwd(validate=False)
    except (ConfigError, OSError):
        os.environ["DVC_NO_ANALYTICS"] = "1"


def _known() -> bool | None:
    """What CPV's state says of DVC's `core.analytics` here; None where it says nothing."""
    from cpv_hooks.dvcformat.dvc_config import known_facts
    from cpv_hooks.errors import CPVError
    from cpv_hooks.git.repo import Repo

    try:
        here = Path.cwd()
        root = next(folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir())
        facts = known_facts(root, Repo.discover().state)
    except (CPVError, OSError, StopIteration):
        return None
    return facts.sends_reports if facts is not None else None
