"""The Git host: repository URLs, SSH keys and connections, clones."""
