#!/bin/sh
# Git 2.39 with DVC 3.67.1: `git sparse-checkout set` in cone mode removes a tracked folder outside of the cone with
# everything in it that Git ignores. `.dvc` at the top is such a folder, as a cone names folders: DVC's cache and
# `.dvc/config.local` (a remote's keys) go with it, without a word and with exit code 0, although they lie beside the
# pointers, which stay. What was not pushed yet is gone.
# Seen: "1 object and the private settings before", "0 objects, no private settings after, exit 0".
set -eu
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'aiobotocore>=3.3' dvc==3.67.1
PATH=$folder/venv/bin:$PATH
export HOME="$folder" DVC_NO_ANALYTICS=1
git version
cd "$folder"
git init -q -b main one && cd one
git config user.email someone@example.com && git config user.name Someone
dvc init -q
dvc remote add -q --local storage /somewhere
mkdir src && echo code >src/train.py && echo weights >model.bin
dvc add -q model.bin
git add -A && git commit -qm model
test -f .dvc/config.local
echo "$(find .dvc/cache -type f | wc -l) object and the private settings before"
git sparse-checkout set --cone src
test -f model.bin.dvc
test ! -e .dvc/config.local
test ! -e .dvc/cache
echo "0 objects, no private settings after, exit 0"
