"""Going back to a version by a new commit."""
