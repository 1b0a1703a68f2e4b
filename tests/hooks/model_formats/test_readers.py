"""What readers say of models that the real libraries saved."""

from __future__ import annotations

import pytest

from cpv_hooks.system.byte_source import Part
from support.saved_models import SAVED, read, read_bytes, shapes

LINEAR = {
    "0.weight": ("F32", (3, 4)),
    "0.bias": ("F32", (3,)),
    "2.weight": ("BF16", (2, 3)),
    "2.bias": ("BF16", (2,)),
}
LAYER = {"layer.weight": ("F32", (2, 3)), "layer.bias": ("F16", (2,))}
MIXED = {
    "half": ("BF16", (300, 3)),
    "small": ("F8_E4M3", (2,)),
    "step": ("I32", ()),
    "mask": ("BOOL", (2,)),
    "bytes": ("U8", (4,)),
}

LOGISTIC = {
    "steps.0.1.mean_": ("F64", (2,)),
    "steps.0.1.var_": ("F64", (2,)),
    "steps.0.1.scale_": ("F64", (2,)),
    "steps.1.1.classes_": ("BOOL", (2,)),
    "steps.1.1.n_iter_": ("I32", (1,)),
    "steps.1.1.coef_": ("F64", (1, 2)),
    "steps.1.1.intercept_": ("F64", (1,)),
}


@pytest.mark.parametrize(
    ("name", "format", "tensors"),
    [
        ("one.safetensors", "safetensors", LAYER),
        ("sharded", "Hugging Face folder of safetensors", LAYER),
        ("tiny.gguf", "GGUF", {"output.weight": ("F32", (2, 32)), "blk.0.attn_q.weight": ("Q8_0", (4, 32))}),
        ("torch.pt", "PyTorch", LINEAR),
        ("torch-module.pt", "PyTorch", LINEAR),
        ("torch-legacy.pt", "PyTorch before 1.6", LINEAR),
        ("torchscript.pt", "TorchScript", {"weight": ("F32", (3, 4)), "bias": ("F32", (3,))}),
        (
            "torch-checkpoint.ckpt",
            "PyTorch",
            {**{f"model.{name}": kind for name, kind in LINEAR.items()}, "view": ("F32", (2, 4))},
        ),
        ("inline.onnx", "ONNX", {"weight": ("F32", (2, 300))}),
        ("onnx-external", "folder of ONNX", {"weight": ("F32", (2, 300))}),
        (
            "keras.keras",
            "Keras",
            {
                "layers/dense/vars/0": ("F32", (4, 3)),
                "layers/dense/vars/1": ("F32", (3,)),
                "layers/dense_1/vars/0": ("F32", (3, 2)),
                "layers/dense_1/vars/1": ("F32", (2,)),
            },
        ),
        (
            "keras.h5",
            "Keras HDF5",
            {
                "model_weights/hidden/sequential/hidden/bias": ("F32", (3,)),
                "model_weights/hidden/sequential/hidden/kernel": ("F32", (4, 3)),
                "model_weights/out/sequential/out/bias": ("F32", (2,)),
                "model_weights/out/sequential/out/kernel": ("F32", (3, 2)),
            },
        ),
        ("xgboost.json", "XGBoost JSON", {}),
        ("xgboost.ubj", "XGBoost UBJSON", {}),
        ("lightgbm.txt", "LightGBM", {}),
        ("sklearn.joblib", "scikit-learn joblib", LOGISTIC),
        ("sklearn-gzip.joblib", "scikit-learn joblib", LOGISTIC),
        ("sklearn.skops", "scikit-learn skops", {"steps.0.1.n_samples_seen_": ("F64", ()), **LOGISTIC}),
        (
            "dcp",
            "folder of torch.distributed.checkpoint",
            {"layer.weight": ("F32", (2, 3)), "layer.bias": ("F32", (2,))},
        ),
        ("orbax", "folder of Orbax", {"layer.bias": ("F32", (3,)), "layer.kernel": ("F32", (2, 3))}),
        ("orbax-zarr3", "folder of Orbax", MIXED),
        ("orbax-files", "folder of Orbax", MIXED),
    ],
)
def test_tensors(name: str, format: str, tensors: dict[str, object]) -> None:
    model = read(name)
    assert (model.format, shapes(model), model.errors) == (format, tensors, ())


def test_what_files_say_of_themselves() -> None:
    assert read("one.safetensors").metadata == {"format": "np"}
    said = read("tiny.gguf").metadata
    assert (said["general.architecture"], said["llama.context_length"]) == ("llama", 2048)
    assert said["tokenizer.ggml.tokens"] == "301 values"
    assert read("sharded").metadata == {"model_type": "tiny", "architectures": "TinyModel"}
    assert read("torch.pt").parameters == 23
    onnx = read("inline.onnx").metadata
    assert (onnx["producer"], onnx["nodes"], onnx["inputs"], onnx["outputs"]) == ("tests", 1, "x", "y")
    assert read("onnx-external").notes == ("model.onnx: weights are in model.onnx.data",)
    for name in ("xgboost.json", "xgboost.ubj"):
        said = read(name).metadata
        assert (said["objective"], said["trees"], said["features"]) == ("binary:logistic", 3, "2")
    said = read("lightgbm.txt").metadata
    assert (said["objective"], said["trees"], said["features"]) == ("binary sigmoid:1", 1, 2)
    said = read("catboost.cbm").metadata
    assert (said["loss_function"], said["trees"], said["features"]) == ("Logloss", 5, 2)
    assert read("sklearn.joblib").metadata["class"] == "sklearn.pipeline.Pipeline"
    assert read("sklearn.joblib").metadata["sklearn_version"] == read("sklearn-gzip.joblib").metadata["sklearn_version"]
    assert read("sklearn.skops").metadata["class"] == "sklearn.pipeline.Pipeline"
    assert read("keras.keras").metadata["layers"] == 3
    assert read("dcp").metadata == {"files": 1}


def test_verdicts_on_pickles() -> None:
    import builtins
    import pickle

    assert read("torch.pt").verdict == "innocuous"
    assert str(read("sklearn.joblib").verdict).startswith("suspicious: ")
    assert "StandardScaler" in str(read("sklearn.joblib").verdict)
    assert read("one.safetensors").verdict is None

    class Hostile:
        def __reduce__(self) -> object:
            return builtins.eval, ("1",)

    found = read_bytes("model.pkl", pickle.dumps(Hostile()))
    assert found is not None
    assert found.verdict == f"dangerous: {builtins.eval.__module__}.eval"


def data(part: Part) -> bytes:
    return b"".join(part.chunks())


def test_where_the_bytes_of_a_tensor_are() -> None:
    import numpy as np

    found = read("one.safetensors").by_key()["layer.weight"].part
    assert found is not None
    assert np.frombuffer(data(found()), "<f4").tolist() == [0, 1, 2, 3, 4, 5]
    before, after = (read(name).by_key()["0.bias"].part for name in ("torch.pt", "torch-other.pt"))
    assert before is not None
    assert after is not None
    old, new = (np.frombuffer(data(part()), "<f4") for part in (before, after))
    assert (new - old).tolist() == [1, 1, 1]
    for name, tensor, kind, values in (
        ("inline.onnx", "weight", "<f4", list(range(600))),
        ("dcp", "layer.weight", "<f4", [0, 1, 2, 3, 4, 5]),
        ("sklearn.joblib", "steps.0.1.mean_", "<f8", [19, 20]),
        ("sklearn.skops", "steps.0.1.mean_", "<f8", [19, 20]),
        ("keras-other.keras", "layers/dense/vars/1", "<f4", [1, 2, 3]),
    ):
        place = read(name).by_key()[tensor].part
        assert place is not None
        assert np.frombuffer(data(place()), kind).tolist() == values, name
    blocks = read("tiny.gguf").by_key()["blk.0.attn_q.weight"].part
    assert blocks is not None
    assert blocks().size == 4 * 34
    assert read("torch-checkpoint.ckpt").by_key()["view"].part is None, "a view across the rows of its storage"


def test_a_pickle_that_would_run_something_is_only_read(tmp_path: object) -> None:
    import io
    import os
    import pickle
    import zipfile

    class Hostile:
        def __reduce__(self) -> object:
            return os.system, ("touch hostile-was-run",)

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps({"a": Hostile()}))
    model = read_bytes("model.pt", stream.getvalue())
    assert model is not None
    assert (model.format, model.tensors) == ("PyTorch", ())
    assert not os.path.exists("hostile-was-run")


def test_a_stale_index_beside_a_whole_model_is_no_error() -> None:
    from cpv_hooks.model_formats.folder import read_folder
    from cpv_hooks.system.byte_source import FileSource

    index = FileSource(SAVED / "sharded/model.safetensors.index.json")
    whole = FileSource(SAVED / "one.safetensors")
    found = read_folder({"model.safetensors": whole, "model.safetensors.index.json": index})
    assert found is not None
    assert found.errors == ()
    assert found.notes == ("model.safetensors.index.json: it is of an older save; none of its 2 shards is here",)
    alone = read_folder({"other.safetensors": whole, "model.safetensors.index.json": index})
    assert alone is not None
    assert alone.errors == (
        "model.safetensors.index.json: shard model-00001-of-00002.safetensors is missing",
        "model.safetensors.index.json: shard model-00002-of-00002.safetensors is missing",
    )


def test_the_verdicts_of_a_folder_name_the_files() -> None:
    from cpv_hooks.model_formats.folder import read_folder
    from cpv_hooks.system.byte_source import FileSource

    names = ("torch.pt", "one.safetensors", "torch-legacy.pt")
    found = read_folder({name: FileSource(SAVED / name) for name in names})
    assert found is not None
    assert found.verdict == "torch-legacy.pt: innocuous; torch.pt: innocuous"
    assert read("dcp").verdict is not None
    assert read("sharded").verdict is None
