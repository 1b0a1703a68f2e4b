"""The Git host over SSH: keys, known hosts, clones, addresses."""
