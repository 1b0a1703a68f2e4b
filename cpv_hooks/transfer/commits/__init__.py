"""Uploading what commits need: now, early or in the background, and the locks between them."""
