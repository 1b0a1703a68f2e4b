"""DVC's formats: pointer files, directory objects, the cache's layout, `.dvcignore`, `.dvc/config`."""
