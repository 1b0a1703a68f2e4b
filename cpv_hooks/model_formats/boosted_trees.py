"""Boosted trees: XGBoost (JSON and UBJSON), LightGBM, CatBoost. They have trees instead of tensors."""

from __future__ import annotations

import json
from typing import Any

from cpv_hooks.model_formats.record import Model, UnreadableModel, short
from cpv_hooks.model_formats.ubjson import load_ubjson
from cpv_hooks.system.byte_source import ByteSource, BytesSource

MAX_DOCUMENT = 128 << 20
_MAX_HEADER = 4 << 20


def begins_xgboost(head: bytes) -> bool:
    """Whether it begins as XGBoost's JSON does; its keys come in an order."""
    return head.lstrip()[:12].replace(b" ", b"").startswith(b'{"learner"')


def begins_ubjson(head: bytes) -> bool:
    """Whether it begins as XGBoost's UBJSON does."""
    return head.startswith(b"{L\0\0\0\0\0\0\0\x07learner")


def read_xgboost(source: ByteSource) -> Model:
    """XGBoost's JSON: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html."""
    return _xgboost(json.loads(_whole(source)), "XGBoost JSON")


def read_ubjson(source: ByteSource) -> Model:
    """The same in UBJSON."""
    return _xgboost(load_ubjson(BytesSource(_whole(source))), "XGBoost UBJSON")


def _whole(source: ByteSource) -> bytes:
    if source.size > MAX_DOCUMENT:
        raise UnreadableModel(f"it is larger than {MAX_DOCUMENT} bytes, and has no header")
    return source.read(0, source.size)


def _xgboost(said: Any, format: str) -> Model:
    learner = said["learner"]
    booster = learner["gradient_booster"]
    parameters, objective = learner["learner_model_param"], learner["objective"]
    trees = booster.get("model", {}).get("trees")
    metadata = {
        "version": short(".".join(map(str, said.get("version", [])))),
        "booster": short(booster.get("name")),
        "objective": short(objective.get("name")),
        "features": short(parameters.get("num_feature")),
        "classes": short(parameters.get("num_class")),
    }
    if isinstance(trees, list):
        metadata["trees"] = len(trees)
        metadata["nodes"] = sum(len(tree.get("left_children", ())) for tree in trees)
    return Model(format, metadata=metadata)


def read_lightgbm(source: ByteSource) -> Model:
    """LightGBM's text: lines of `key=value` up to the first tree; `tree_sizes` has the bytes of each."""
    text = source.read(0, min(source.size, _MAX_HEADER)).decode("utf-8", "replace")
    head, found, _ = text.partition("\n\n")
    said = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    sizes = said.get("tree_sizes")
    if not found or sizes is None or "version" not in said:
        raise UnreadableModel("it has no header of LightGBM's")
    trees = [int(size) for size in sizes.split()]
    kept = {"version": "version", "objective": "objective", "num_class": "classes"}
    metadata: dict[str, object] = {name: short(said[key]) for key, name in kept.items() if key in said}
    metadata["features"] = int(said["max_feature_idx"]) + 1
    metadata["trees"] = len(trees)
    end = len(head.encode()) + 2 + sum(trees)
    tail = source.read(max(source.size - _MAX_HEADER, 0), min(source.size, _MAX_HEADER))
    is_whole = b"pandas_categorical:" in tail or b"end of parameters" in tail
    errors = () if is_whole and end <= source.size else (f"it ends at byte {source.size}, before its end",)
    return Model("LightGBM", metadata=metadata, errors=errors)
