"""What picklescan (extra `readers`) thinks of pickles: its list of what is dangerous is kept by others."""

from __future__ import annotations

import io
from collections.abc import Iterable

from cpv_hooks.console.output import few
from cpv_hooks.model_formats.damage import DAMAGE

_SHOWN = 8


def verdict(pickles: Iterable[bytes]) -> str | None:
    """`innocuous`, or what in these pickles is `dangerous` or `suspicious` (on no list); None without picklescan."""
    try:
        from picklescan.scanner import SafetyLevel, scan_pickle_bytes
    except ImportError:
        return None
    import logging

    logger = logging.getLogger("picklescan")
    before = logger.level
    logger.setLevel(logging.CRITICAL)  # what it cannot read is said by our own reader
    try:
        results = [scan_pickle_bytes(io.BytesIO(data), "pickle") for data in pickles]
    except DAMAGE:
        return "not scanned"
    finally:
        logger.setLevel(before)
    for level in (SafetyLevel.Dangerous, SafetyLevel.Suspicious):
        found = {f"{one.module}.{one.name}" for result in results for one in result.globals if one.safety == level}
        if found:
            return f"{level.value}: {few(sorted(name[:100] for name in found), _SHOWN)}"
    return "not scanned" if any(result.scan_err for result in results) else "innocuous"
