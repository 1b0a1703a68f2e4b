#!/bin/sh
# DVC 3.67.1 with a directory as its remote: `dvc push` hashes an object that is there already and replaces a wrong one,
# unless the file is read-only (mode 0444). Then its name is believed: push says that everything is up to date, and a
# plain `dvc pull` in another clone installs the wrong bytes. A remote on a disk with a bad block is such a remote,
# because DVC itself leaves objects read-only there.
# Seen: writable wrong object: replaced; read-only wrong object: "Everything is up to date.", pulled as it is.
set -eu
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'aiobotocore>=3.3' dvc==3.67.1
PATH=$folder/venv/bin:$PATH
export HOME="$folder" DVC_NO_ANALYTICS=1
cd "$folder"
git init -q one && cd one
git config user.email someone@example.com && git config user.name Someone
dvc init -q
dvc remote add -q -d storage "$folder/storage"
printf 'the right bytes\n' >model.bin
dvc add -q model.bin && git add . && git commit -qm model
dvc push -q
object=$(find "$folder/storage" -type f)

chmod 644 "$object" && printf 'the wrong bytes\n' >"$object"
rm -rf .dvc/tmp && dvc push
grep -q right "$object" && echo "writable wrong object: replaced"

chmod 644 "$object" && printf 'the wrong bytes\n' >"$object" && chmod 444 "$object"
rm -rf .dvc/tmp && dvc push | tee push.log
grep -q 'up to date' push.log
git clone -q . ../two && cd ../two && dvc pull -q
grep -q wrong model.bin && echo "read-only wrong object: pulled as it is"
