#!/bin/sh
# DVC 3.67.1, installed by pip, Python 3.11: the pattern `*/`, which in .gitignore leaves out every folder, leaves out
# nothing in .dvcignore: `dvc check-ignore` says so with exit status 1, and `dvc add` takes the folders. `/*/` and `data/`
# do what they do in Git.
# Seen: "Git leaves out data", "*/ leaves out nothing, and dvc add takes data", "/*/ leaves out data".
set -eu
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'aiobotocore>=3.3' dvc==3.67.1
PATH=$folder/venv/bin:$PATH
export HOME="$folder" DVC_NO_ANALYTICS=1 CI=1
cd "$folder"
git init -q -b main one && cd one
dvc init -q
mkdir data
echo 1 >data/a
echo '*/' >.gitignore
git check-ignore -q data
echo "Git leaves out data"
rm .gitignore
echo '*/' >.dvcignore
status=0
dvc check-ignore -q data || status=$?
test "$status" = 1
dvc add -q data
grep -q 'nfiles: 1' data.dvc
echo "*/ leaves out nothing, and dvc add takes data"
echo '/*/' >.dvcignore
dvc check-ignore -q data
echo "/*/ leaves out data"
