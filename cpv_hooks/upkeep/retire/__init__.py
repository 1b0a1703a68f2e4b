"""Retiring versions: which ones, what may go then, and back again."""
