"""What versions need, compared with what the cache and the remote hold; repaired where a good copy exists."""
