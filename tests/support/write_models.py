"""Writes `tests/models/`: tiny models, each saved by the library whose format it is. Run by hand, where these are:

    pip install torch safetensors gguf numpy h5py keras jax orbax-checkpoint onnx xgboost lightgbm catboost \\
        skops joblib scikit-learn
    python tests/support/write_models.py tests/models

Readers are tested with what is committed, so that the suite needs none of them. Where a format's bytes differ from
save to save, `again` is the same model saved once more, and `other` one with other weights.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"


def torch_files(folder: Path) -> None:
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2, dtype=torch.bfloat16))
    state = net.state_dict()
    torch.save(state, folder / "torch.pt")
    torch.save(state, folder / "torch-again.pt")
    state["0.bias"] = state["0.bias"] + 1
    torch.save(state, folder / "torch-other.pt")
    torch.save(net, folder / "torch-module.pt")
    torch.save(state, folder / "torch-legacy.pt", _use_new_zipfile_serialization=False)
    steps = {"model": state, "optimizer": torch.optim.Adam(net.parameters()).state_dict(), "view": torch.ones(4, 2).T}
    torch.save(steps, folder / "torch-checkpoint.ckpt")
    torch.jit.script(torch.nn.Linear(4, 3)).save(folder / "torchscript.pt")


def distributed(folder: Path) -> None:
    import torch
    import torch.distributed.checkpoint as dcp

    state = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.zeros(2), "step": 7}
    dcp.save(state, checkpoint_id=folder / "dcp")
    dcp.save(state, checkpoint_id=folder / "dcp-again")


def safetensors_files(folder: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    weights = {"layer.weight": np.arange(6, dtype="<f4").reshape(2, 3), "layer.bias": np.zeros(2, "<f2")}
    save_file(weights, folder / "one.safetensors", metadata={"format": "np"})
    (folder / "sharded").mkdir(exist_ok=True)
    index: dict[str, str] = {}
    for number, (name, value) in enumerate(weights.items(), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: value}, folder / "sharded" / file)
        index[name] = file
    text = json.dumps({"metadata": {"total_size": 28}, "weight_map": index})
    (folder / "sharded/model.safetensors.index.json").write_text(text)
    (folder / "sharded/config.json").write_text(json.dumps({"model_type": "tiny", "architectures": ["TinyModel"]}))


def gguf_file(folder: Path) -> None:
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(folder / "tiny.gguf", "llama")
    writer.add_context_length(2048)
    writer.add_token_list(["<s>", *(f"token{number}" for number in range(300))])
    writer.add_tensor("output.weight", np.arange(64, dtype=np.float32).reshape(2, 32))
    blocks = gguf.quants.quantize(np.ones((4, 32), np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.0.attn_q.weight", blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def keras_files(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="hidden"), keras.layers.Dense(2, name="out")])
    net.save(folder / "keras.keras")
    net.save(folder / "keras.h5")
    import time

    time.sleep(2)  # the time of the save is in the file
    net.save(folder / "keras-again.keras")
    net.layers[0].bias.assign([1.0, 2.0, 3.0])
    net.save(folder / "keras-other.keras")


def onnx_file(folder: Path) -> None:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.arange(600, dtype=np.float32).reshape(2, 300), "weight")
    nodes = [helper.make_node("MatMul", ["x", "weight"], ["y"])]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 300])
    graph = helper.make_graph(nodes, "tiny", [x], [y], [weight])
    model = helper.make_model(graph, producer_name="tests")
    onnx.save(model, folder / "inline.onnx")
    place = folder / "onnx-external"
    place.mkdir(exist_ok=True)
    (place / "model.onnx.data").unlink(missing_ok=True)
    onnx.save_model(model, place / "model.onnx", save_as_external_data=True, location="model.onnx.data")


def tree_files(folder: Path) -> None:
    import catboost
    import lightgbm
    import numpy as np
    import xgboost

    x = np.arange(40, dtype=float).reshape(20, 2)
    y = (x[:, 0] > 20).astype(int)
    booster = xgboost.train({"max_depth": 2, "objective": "binary:logistic"}, xgboost.DMatrix(x, y), 3)
    booster.save_model(folder / "xgboost.json")
    booster.save_model(folder / "xgboost.ubj")
    data = lightgbm.Dataset(x, y, params={"min_data_in_leaf": 1, "verbose": -1})
    lightgbm.train({"num_leaves": 3, "objective": "binary", "verbose": -1}, data, 4).save_model(folder / "lightgbm.txt")
    for name, depth in (("catboost.cbm", 2), ("catboost-again.cbm", 2), ("catboost-other.cbm", 1)):
        fitted = catboost.CatBoostClassifier(
            iterations=5, depth=depth, verbose=False, allow_writing_files=False, random_seed=1, thread_count=1
        ).fit(x, y)
        fitted.save_model(folder / name)


def sklearn_files(folder: Path) -> None:
    import joblib
    import numpy as np
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = np.arange(40, dtype=float).reshape(20, 2)
    fitted: Any = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, x[:, 0] > 20)
    joblib.dump(fitted, folder / "sklearn.joblib")
    joblib.dump(fitted, folder / "sklearn-gzip.joblib", compress=("gzip", 3))
    skops.io.dump(fitted, folder / "sklearn.skops")
    spare = [object() for _ in range(1000)]
    copy: Any = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, x[:, 0] > 20)
    skops.io.dump(copy, folder / "sklearn-again.skops")
    copy[-1].coef_ += 1
    skops.io.dump(copy, folder / "sklearn-other.skops")
    del spare


def orbax_folders(folder: Path) -> None:
    import jax.numpy as jnp
    import orbax.checkpoint as ocp

    layer = {"layer": {"kernel": jnp.ones((2, 3)), "bias": jnp.zeros(3)}}
    with ocp.StandardCheckpointer() as saver:
        saver.save((folder / "orbax").absolute(), layer, force=True)
    types = {"half": jnp.ones((300, 3), jnp.bfloat16), "small": jnp.ones(2, jnp.float8_e4m3fn), "step": jnp.int32(7)}
    mixed = {**types, "mask": jnp.array([True, False]), "bytes": jnp.arange(4, dtype=jnp.uint8), "note": "not an array"}
    for name, database, zarr3 in (("orbax-zarr3", True, True), ("orbax-files", False, False)):
        handler = ocp.PyTreeCheckpointHandler(use_ocdbt=database, use_zarr3=zarr3)
        with ocp.Checkpointer(handler) as saver:
            saver.save((folder / name).absolute(), mixed, force=True)


def tensorstore_nodes(folder: Path) -> None:
    """A database as Orbax's, whose tree has branches: nodes hold 300 bytes each, and values lie outside of them."""
    import tensorstore as ts

    place = {"driver": "file", "path": f"{(folder / 'ocdbt-nodes').absolute()}/"}
    config = {"max_inline_value_bytes": 16, "max_decoded_node_bytes": 300, "compression": None}
    store = ts.KvStore.open({"driver": "ocdbt", "base": place, "config": config}).result()
    for version in ("old", "new"):
        with ts.Transaction() as all_at_once:
            for number in range(30):
                described = json.dumps({"dtype": "<f4", "shape": [number], "zarr_format": 2, "attributes": version})
                store.with_transaction(all_at_once)[f"layer.{number}.kernel/.zarray"] = described
                store.with_transaction(all_at_once)[f"layer.{number}.kernel/0"] = "weights"


WRITERS = (
    torch_files,
    distributed,
    safetensors_files,
    gguf_file,
    onnx_file,
    tree_files,
    sklearn_files,
    keras_files,
    orbax_folders,
    tensorstore_nodes,
)

if __name__ == "__main__":
    place = Path(sys.argv[1])
    chosen = sys.argv[2:]
    place.mkdir(parents=True, exist_ok=True)
    for write in WRITERS:
        if not chosen or write.__name__ in chosen:
            write(place)
