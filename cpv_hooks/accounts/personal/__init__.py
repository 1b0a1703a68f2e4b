"""`~/.cpv`: personal settings, logs, notifications."""
