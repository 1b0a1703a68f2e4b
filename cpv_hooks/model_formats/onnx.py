"""ONNX: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Weights inside, or in files beside it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from cpv_hooks.model_formats.protobuf import Field, Message
from cpv_hooks.model_formats.record import MAX_TENSORS, Model, Tensor, UnreadableModel, checked_tensor, short
from cpv_hooks.system.byte_source import ByteSource, Part

# Fields of ModelProto, GraphProto, TensorProto and the like, by the names that onnx.proto gives them.
_IR_VERSION, _PRODUCER, _PRODUCER_VERSION, _GRAPH, _OPSETS, _PROPERTIES = 1, 2, 3, 7, 8, 14
_NODE, _GRAPH_NAME, _INITIALIZER, _INPUT, _OUTPUT = 1, 2, 5, 11, 12
_DIMS, _DATA_TYPE, _TENSOR_NAME, _RAW, _EXTERNAL, _LOCATION = 1, 2, 8, 9, 13, 14
_OPSETS_SINCE = 3
_MAX_EXTERNAL = 10_000
# fmt: off
_DTYPES = {
    1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 8: "STRING", 9: "BOOL", 10: "F16", 11: "F64",
    12: "U32", 13: "U64", 14: "C64", 15: "C128", 16: "BF16", 17: "F8_E4M3", 18: "F8_E4M3FNUZ", 19: "F8_E5M2",
    20: "F8_E5M2FNUZ", 21: "U4", 22: "I4", 23: "F4_E2M1",
}
# fmt: on


def read(source: ByteSource) -> Model:
    """Read the graph: its weights, inputs and outputs, and how many nodes it has."""
    model = Message(source)
    metadata: dict[str, object] = {}
    tensors: list[Tensor] = []
    version = 0
    for field in model.fields():
        if field.number == _IR_VERSION and field.value is not None:
            metadata["ir_version"] = version = field.value
        elif field.number in (_PRODUCER, _PRODUCER_VERSION) and field.value is None:
            metadata["producer" if field.number == _PRODUCER else "producer_version"] = short(model.text(field))
        elif field.number == _OPSETS and field.value is None:
            said = {one.number: one for one in model.message(field).fields()}
            domain = model.text(said[1]) if 1 in said else ""
            metadata[f"opset {domain}".strip()] = said[2].value if 2 in said else None
        elif field.number == _PROPERTIES and field.value is None:
            pair = {one.number: model.text(one) for one in model.message(field).fields() if one.value is None}
            metadata[pair.get(1, "")] = short(pair.get(2, ""))
        elif field.number == _GRAPH and field.value is None:
            tensors += _graph(source, model.message(field), metadata)
    if "ir_version" not in metadata or "nodes" not in metadata:
        raise UnreadableModel("it has no graph")
    notes = [f"weights are in {tensor.elsewhere[0]}" for tensor in tensors if tensor.elsewhere]
    # Which every file names since that version; they come last, so a file that was cut may lack nothing else.
    cut = version >= _OPSETS_SINCE and not any(key.startswith("opset") for key in metadata)
    errors = ("it names no operator set",) if cut else ()
    return Model("ONNX", tuple(tensors), metadata, tuple(dict.fromkeys(notes)), errors)


def _graph(source: ByteSource, graph: Message, metadata: dict[str, object]) -> Iterator[Tensor]:
    nodes, names = 0, {_INPUT: list[str](), _OUTPUT: list[str]()}
    count = 0
    for field in graph.fields():
        if field.number == _NODE:
            nodes += 1
        elif field.number in names and field.value is None:
            names[field.number] += [graph.text(one) for one in graph.message(field).fields() if one.number == 1]
        elif field.number == _GRAPH_NAME and field.value is None:
            metadata["graph"] = short(graph.text(field))
        elif field.number == _INITIALIZER and field.value is None:
            count += 1
            if count > MAX_TENSORS:
                raise UnreadableModel(f"it has more than {MAX_TENSORS} weights")
            yield _tensor(source, graph.message(field))
    metadata.update(nodes=nodes, inputs=short(names[_INPUT]), outputs=short(names[_OUTPUT]))


def _tensor(source: ByteSource, message: Message) -> Tensor:
    shape: list[int] = []
    name, dtype, raw, external = "", "unknown", None, dict[str, str]()
    for field in message.fields():
        if field.number == _DIMS:
            shape += message.numbers(field)
        elif field.number == _DATA_TYPE and field.value is not None:
            dtype = _DTYPES.get(field.value, f"type {field.value}")
        elif field.number == _TENSOR_NAME and field.value is None:
            name = message.text(field)
        elif field.number == _RAW and field.value is None:
            raw = field
        elif field.number == _EXTERNAL and len(external) < _MAX_EXTERNAL:
            external.update(_pair(message, field))
    tensor = checked_tensor(name, shape, dtype)
    if external:
        return tensor._replace(elsewhere=(external.get("location", "")[:1000], int(external.get("offset", "0"))))
    if raw is None or tensor.nbytes != raw.end - raw.start:
        return tensor
    return tensor._replace(part=partial(Part, source, raw.start, tensor.nbytes))


def _pair(message: Message, field: Field) -> dict[str, str]:
    pair = {one.number: message.text(one) for one in message.message(field).fields() if one.value is None}
    return {pair.get(1, ""): pair.get(2, "")}
