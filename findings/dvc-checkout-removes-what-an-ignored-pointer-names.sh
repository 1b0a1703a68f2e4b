#!/bin/sh
# DVC 3.67.1: a `.dvc` file that Git tracks is none for DVC once a `.gitignore` matches its folder, because DVC goes by the
# rules and not by Git's index. `dvc checkout` then takes its output for a deleted one and removes it from the work
# tree, with exit code 0, although `dvc status` calls everything up to date and HEAD still has the pointer.
# Seen: "tracked by Git: outputs/best.pt.dvc", "D outputs/best.pt", "removed".
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
dvc init -q
mkdir outputs && echo weights >outputs/best.pt && echo other >other.bin
dvc add -q outputs/best.pt other.bin
git add -A && git commit -qm model
echo 'outputs/' >>.gitignore && git add .gitignore && git commit -qm 'ignore outputs'
echo "tracked by Git: $(git ls-files 'outputs/*.dvc')"
dvc status | tee status
grep -q 'up to date' status
dvc checkout
test ! -e outputs/best.pt && git cat-file -e HEAD:outputs/best.pt.dvc
echo removed
