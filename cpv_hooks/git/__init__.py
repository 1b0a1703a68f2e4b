"""Git: commands, objects, its index, commits; the one-shot commit."""
