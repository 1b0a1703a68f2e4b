#!/bin/sh
# DVC 3.67.1, installed by pip, Python 3.11: the process that DVC starts in the background, to send its report of use or
# to ask for a newer version, ends before it has done anything. DVC runs the file `dvc/__main__.py` in it, so Python looks
# for modules in the folder of the package first, and the standard library's `enum` finds `dvc/types.py` in the place of
# `types`. The command itself ends with 0 and says nothing; the traceback is in the file that DVC_DAEMON_LOGFILE names.
# Workers of `dvc queue start` are started in another way, and run. With `-P`, or where a line of a `.pth` file imports
# `types` before, the process does its work.
# Seen: "dvc ended with 0", "ImportError: cannot import name 'GenericAlias' from partially initialized module 'types'".
set -eu
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'aiobotocore>=3.3' dvc==3.67.1
PATH=$folder/venv/bin:$PATH
# Nobody answers there: a report, were one sent, would reach nobody.
export HOME="$folder" DVC_ANALYTICS_ENDPOINT=http://127.0.0.1:9 DVC_UPDATER_ENDPOINT=http://127.0.0.1:9
unset DVC_NO_ANALYTICS CI || true
cd "$folder"
git init -q -b main one && cd one
export DVC_DAEMON_LOGFILE="$folder/log"
status=0
dvc init -q || status=$?
echo "dvc ended with $status"
for _ in $(seq 100); do
  ! grep -qs '^ImportError' "$folder/log" || break
  sleep 0.1
done
grep '^ImportError' "$folder/log" | sed 's/ (most likely.*//' | sort -u
test "$status" = 0
grep -q "^ImportError: cannot import name 'GenericAlias' from partially initialized module 'types'" "$folder/log"
