"""The log of an operation, and the notification at its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dvc_cpv_plugin.options import OperationOptions


@contextmanager
def logged(name: str, options: OperationOptions, arguments: Mapping[str, object]) -> Iterator[None]:
    """Keep the log of what is done in this block; with `notify` say how it ended, on the desktop or by a webhook."""
    from cpv_hooks.accounts.personal import logs
    from cpv_hooks.accounts.personal.notify import notify

    log_file = options.path(options.log_file) if options.log_file else None
    given = {key: value for key, value in options._asdict().items() if value != OperationOptions._field_defaults[key]}
    title = " ".join(filter(None, [f"{name}:", *(str(value) for value in arguments.values() if value)]))
    with logs.operation(name, log_file, options.verbose, arguments={**arguments, **given}):
        try:
            yield
        except Exception as error:
            if options.notify:
                notify(title, f"failed: {error}")
            raise
        if options.notify and not options.dry_run:
            notify(title, "done")
