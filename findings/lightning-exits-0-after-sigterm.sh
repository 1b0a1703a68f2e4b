#!/bin/sh
# Lightning 2.6.6: a job that gets SIGTERM in the middle of `trainer.fit` ends with status 0 and without a traceback, and
# the script's lines after `fit` do not run. A scheduler that asks for the exit status (Kubernetes, Slurm, a CI) takes the
# evicted job for one that is done, and does not start it again.
# Seen: "Received SIGTERM: 15", "status 0, lines after fit: 0"; with Python's own handling of SIGTERM the status is 143.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
# `+cpu` is a build without CUDA, of a tenth of the size, where the index has it.
"$folder/venv/bin/pip" install -q --no-compile lightning==2.6.6 'torch==2.13.0+cpu' ||
  "$folder/venv/bin/pip" install -q --no-compile lightning==2.6.6 torch==2.13.0
export HOME="$folder"
cd "$folder"
cat >train.py <<'PY'
import os
import signal

from lightning import Callback, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel


class Evicted(Callback):
    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == 5:
            os.kill(os.getpid(), signal.SIGTERM)


trainer = Trainer(
    max_steps=50, accelerator="cpu", callbacks=[Evicted()],
    logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
)
trainer.fit(BoringModel())
print("after fit")
PY
status=0
"$folder/venv/bin/python" train.py >out 2>err || status=$?
grep 'SIGTERM' err
after=$(grep -c 'after fit' out || true)
echo "status $status, lines after fit: $after"
plain=0
"$folder/venv/bin/python" -c 'import os, signal; os.kill(os.getpid(), signal.SIGTERM)' || plain=$?
echo "without Lightning: status $plain"
test "$status $after $plain" = "0 0 143"
! grep -q Traceback err
