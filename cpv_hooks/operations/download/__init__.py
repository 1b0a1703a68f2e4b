"""Reading a version: into a folder, or as files to load."""
