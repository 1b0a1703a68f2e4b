"""How requests reach S3: boto3, and a small client of our own where boto3 has shown how."""
