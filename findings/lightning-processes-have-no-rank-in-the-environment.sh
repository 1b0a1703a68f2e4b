#!/bin/sh
# Lightning 2.6.6: the processes of `Trainer(devices=2, strategy="ddp")` have LOCAL_RANK, NODE_RANK and WORLD_SIZE in their
# environment, and no RANK, which torchrun sets in each. A script that asks `os.environ.get("RANK", 0)` who may write the
# checkpoint finds 0 in every process, and all of them write.
# Seen: "process 1: LOCAL_RANK NODE_RANK WORLD_SIZE, so rank 0", and the same of process 0.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
# `+cpu` is a build without CUDA, of a tenth of the size, where the index has it.
"$folder/venv/bin/pip" install -q --no-compile lightning==2.6.6 'torch==2.13.0+cpu' ||
  "$folder/venv/bin/pip" install -q --no-compile lightning==2.6.6 torch==2.13.0
export HOME="$folder"
unset RANK LOCAL_RANK NODE_RANK WORLD_SIZE || true
cd "$folder"
cat >train.py <<'PY'
import os

from lightning import Callback, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel


class Tell(Callback):
    def on_train_start(self, trainer, *_):
        said = [name for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE") if name in os.environ]
        rank = os.environ.get("RANK", 0)
        with open(f"{trainer.global_rank}.txt", "w") as stream:
            print(f"process {trainer.global_rank}: {' '.join(said)}, so rank {rank}", file=stream)


if __name__ == "__main__":
    quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    Trainer(devices=2, accelerator="cpu", strategy="ddp", max_steps=1, callbacks=[Tell()], **quiet).fit(BoringModel())
PY
"$folder/venv/bin/python" train.py >log 2>&1 || { tail -n 5 log; exit 1; }
cat 0.txt 1.txt | tee seen.txt
test "$(cat seen.txt)" = "process 0: LOCAL_RANK NODE_RANK WORLD_SIZE, so rank 0
process 1: LOCAL_RANK NODE_RANK WORLD_SIZE, so rank 0"
