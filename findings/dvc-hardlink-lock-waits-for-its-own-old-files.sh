#!/bin/sh
# DVC 3.67.1 (flufl.lock 9.2.0): `core.hardlink_lock`, which the documentation recommends for network file systems, cannot
# be turned on in a repository in which DVC has run before. The ordinary lock leaves its files behind (`.dvc/tmp/lock`,
# `.dvc/tmp/rwlock.lock`), and the hard-link lock takes them for held by somebody, however old they are: every command
# ends with "Unable to acquire lock" until both are removed by hand.
# Seen: "with the setting: 1", "two days later: 1", "without the files: 0".
set -eu
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'aiobotocore>=3.3' dvc==3.67.1 flufl.lock==9.2.0
PATH=$folder/venv/bin:$PATH
export HOME="$folder" DVC_NO_ANALYTICS=1
git init -q "$folder/repo"
cd "$folder/repo"
dvc init -q
echo data >data
dvc add -q data
dvc config core.hardlink_lock true
try() {
  status=0
  dvc add data >said 2>&1 || status=$?
  [ "$status" = 0 ] || grep -o "Unable to acquire lock" said >&2
  echo "$status"
}
first=$(try)
echo "with the setting: $first"
touch -d '2 days ago' .dvc/tmp/lock .dvc/tmp/rwlock.lock
later=$(try)
echo "two days later: $later"
rm -f .dvc/tmp/lock .dvc/tmp/rwlock.lock
without=$(try)
echo "without the files: $without"
test "$without" = 0
test "$first" != 0
test "$later" != 0
