"""Git hooks in and out: shims, configuration, what is restored on `uninstall`."""
