"""Moving in: what Git LFS, folders of checkpoints and other trackers have becomes versions."""
