#!/bin/sh
# GTO 1.10.1: a stage that was assigned to a commit without a registered version (`gto assign --skip-registration`) can
# never be taken away. `gto deprecate` refuses the commit that `gto assign` took, and a tag in GTO's own format
# (NAME#STAGE!#N), which does its work for a registered version, leaves the assignment in `gto show`.
# Seen: registered: gone after the tag; unregistered: refused, and still assigned after the tag.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q gto==1.10.1
PATH=$folder/venv/bin:$PATH
export HOME="$folder"
cd "$folder"
git init -q repository && cd repository
git config user.email someone@example.com && git config user.name Someone
git commit -q --allow-empty -m one

gto assign registered HEAD --version v0.0.1 --stage prod >assigned
gto show registered | grep prod
git tag -a -m away 'registered#prod!#2'
gto show registered >registered
! grep -q prod registered
echo "registered: gone after the tag"

gto assign unregistered HEAD --stage prod --skip-registration >assigned
! gto deprecate unregistered "$(git rev-parse HEAD)" prod 2>refused
tr '\n' ' ' <refused | grep -q 'is not valid'
git tag -a -m away 'unregistered#prod!#2'
gto show unregistered >unregistered
grep -q 'unregistered#prod#1' unregistered
echo "unregistered: refused, and still assigned after the tag"
