#!/bin/sh
# wandb 0.28.1: the folder of an offline run does not hold the files of the artifacts that the run logged. They lie under
# a temporary name in the home folder (`~/.local/share/wandb/artifacts/staging`), and only the run's binary log says which
# is which. A job that runs offline on a cluster node and copies `wandb/offline-run-*` away, to `wandb sync` it elsewhere,
# has copied no model.
# Seen: "in the run's folder: 0", "in the home folder: 1", by the name tmp????????.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q wandb==0.28.1
export HOME="$folder/home"
mkdir -p "$HOME" "$folder/job"
cd "$folder/job"
cat >train.py <<'PY'
import pathlib

import wandb

pathlib.Path("model.bin").write_bytes(b"the weights of a model" * 1000)
with wandb.init(mode="offline", project="vision", dir=".") as run:
    artifact = wandb.Artifact("resnet", type="model")
    artifact.add_file("model.bin")
    run.log_artifact(artifact)
PY
"$folder/venv/bin/python" train.py >log 2>&1
ls -d wandb/offline-run-*
inside=$(grep -rlF 'the weights of a model' wandb | wc -l)
outside=$(grep -rlF 'the weights of a model' "$HOME" | wc -l)
echo "in the run's folder: $inside"
echo "in the home folder: $outside"
grep -rlF 'the weights of a model' "$HOME" | sed 's#.*/\.local#~/.local#'
test "$inside $outside" = "0 1"
ls "$HOME"/.local/share/wandb/artifacts/staging | grep -q '^tmp'
