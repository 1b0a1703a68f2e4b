"""Remotes: where objects lie outside this machine."""
