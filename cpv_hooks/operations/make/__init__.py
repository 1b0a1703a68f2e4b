"""Making a version: content, pointer, commit, tag, upload."""
