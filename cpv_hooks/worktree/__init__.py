"""Artifacts in the work tree: found, compared with their base, snapshotted, put in place."""
