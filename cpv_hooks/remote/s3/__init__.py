"""S3 remotes: objects, listings, multipart uploads, versioned buckets."""
