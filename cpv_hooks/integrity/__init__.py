"""Whether what versions need is really there, in the cache and on the remote, and mending it where a good copy is."""
