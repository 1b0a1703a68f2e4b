"""What happened to versions, handed to a process of its own that tells those who asked for it."""
