"""Uploading and fetching sets of objects, and the queue of what is to be uploaded."""
