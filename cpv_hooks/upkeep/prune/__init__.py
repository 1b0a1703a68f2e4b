"""Removing objects that nothing needs, by one rule: what cannot be known to be unneeded stays.

Needed is what is mentioned in any pointer file of any commit that is reachable from a ref of any kind (stashes and the
refs of every work tree too), from a reflog entry within the grace period, from any work tree's HEAD, from a rebase or
merge under way, from a queued upload or a journal; or in any work tree's index, pointer files on the disk or base of
the last sync; or on the list of rescues. A directory object that is needed needs all its files.

The cache may also lose objects of older versions, where the remote is seen to have them. The remote loses only what no
ref anywhere needs, and only what has lain there unchanged for longer than the grace period, because another clone may
have uploaded it for a commit that it has not pushed yet.
"""
