"""Bringing CPV into a repository: `init` makes or adopts one, `install` puts the hooks in."""
