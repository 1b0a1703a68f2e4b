#!/bin/sh
# GTO 1.10.1, installed by pip with scmrepo 3.6.2, Python 3.11: `gto assign` on a commit that is no version yet makes two
# tags, the version's and the stage's. Where the second cannot be made the first one stays: the command ends with 1 and
# "Failed to create tag", and the commit has a version all the same, which the next --follow-tags push gives to everybody.
# Here the stage's tag cannot be made because another tag stands where its folder has to be, `model#production#1/older`.
# Seen: "gto ended with 1", then the tags "model#production#1/older" and "model@v0.0.1".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q gto==1.10.1 scmrepo==3.6.2
PATH=$folder/venv/bin:$PATH
export HOME="$folder"
cd "$folder"
git init -q -b main one && cd one
git config user.name "Ada Lovelace"
git config user.email ada@example.com
git commit -q --allow-empty -m first
git tag 'model#production#1/older'
status=0
gto assign model HEAD --stage production 2>"$folder/said" >/dev/null || status=$?
echo "gto ended with $status"
grep -o 'Failed to create tag' "$folder/said"
git tag
test "$status" = 1
test "$(git tag | tr '\n' ' ')" = 'model#production#1/older model@v0.0.1 '
