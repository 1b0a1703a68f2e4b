#!/bin/sh
# onnx 1.23.2 does not load a model whose external data is a hard link or a symbolic link.
# DVC's `cache.type = hardlink` or `symlink` makes every tracked file such a link, so a model that loads before
# `dvc add` does not load after it, with not a byte changed.
# Seen: "plain file: loads", "hard link: refused", "symbolic link: refused".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 numpy
cd "$folder"
cat >check.py <<'PY'
import os

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

weights = numpy_helper.from_array(numpy.arange(4096, dtype=numpy.float32), "w")
node = helper.make_node("Identity", ["w"], ["y"])
output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4096])
model = helper.make_model(helper.make_graph([node], "g", [], [output], [weights]))
onnx.save(model, "model.onnx", save_as_external_data=True, location="model.data", size_threshold=0)


def loads(what: str) -> bool:
    try:
        onnx.load("model.onnx")
    except Exception as error:
        print(f"{what}: refused ({type(error).__name__})")
        return False
    print(f"{what}: loads")
    return True


assert loads("plain file")
os.link("model.data", "cache-object")
hard = loads("hard link")
os.unlink("model.data")
os.symlink("cache-object", "model.data")
symbolic = loads("symbolic link")
assert not hard and not symbolic
PY
"$folder/venv/bin/python" check.py
