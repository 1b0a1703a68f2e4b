"""The ways in: S3, the Git host, and the user's own settings."""
