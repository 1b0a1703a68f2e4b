"""Distributed jobs: each rank saves its own files, and rank 0 makes one step of them when all are there."""
