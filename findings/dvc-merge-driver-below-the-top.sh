#!/bin/sh
# DVC 3.67.1: Git runs a merge driver in the top folder of the work tree. `dvc git-hook merge-driver`, the driver that `dvc install`
# configures, finds no DVC repository there when DVC was initialized in a sub-folder (`dvc init --subdir`, a monorepo), prints
# nothing, and exits 0: Git takes ours for the merged file. The other branch's data is dropped from the merge
# without a conflict.
# Seen: "merge: exit code 0, no conflict; theirs is lost".
set -eu
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'aiobotocore>=3.3' dvc==3.67.1
PATH=$folder/venv/bin:$PATH
export HOME="$folder" DVC_NO_ANALYTICS=1
cd "$folder"
git init -q -b main one && cd one
git config user.email someone@example.com && git config user.name Someone
mkdir project && cd project
dvc init -q --subdir
mkdir data && echo 0 >data/base
dvc add -q data
echo '*.dvc merge=dvc' >>../.gitattributes
git config merge.dvc.name 'DVC merge driver'
git config merge.dvc.driver 'dvc git-hook merge-driver --ancestor %O --our %A --their %B'
git add -A .. && git commit -qm base
git switch -qc theirs && echo t >data/theirs && dvc add -q data && git commit -qam theirs
git switch -q main && dvc checkout -q && echo o >data/ours && dvc add -q data && git commit -qam ours
code=0
git merge -q -m merged theirs || code=$?
git status --short
dvc checkout -q
ls data
test "$code" = 0 && test -f data/ours && test ! -f data/theirs
echo "merge: exit code 0, no conflict; theirs is lost"
