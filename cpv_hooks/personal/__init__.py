"""The personal folder `~/.cpv` (`CPV_HOME`): settings, logs, notifications."""
