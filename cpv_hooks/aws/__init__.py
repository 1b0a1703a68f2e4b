"""AWS: credentials, the way to a bucket, and moving a repository there."""
