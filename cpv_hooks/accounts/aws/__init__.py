"""S3 from AWS's side: credentials, buckets, policies, and moving a repository's data to another bucket."""
