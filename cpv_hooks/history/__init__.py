"""Versions as Git's history has them, all of them at once: read, filtered, compared. Nothing here is changed.

Its floor: below `operations`, above `versions`.
"""
