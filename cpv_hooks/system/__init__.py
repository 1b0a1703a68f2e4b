"""The operating system: atomic files, copies, locks, file signatures, threads."""
