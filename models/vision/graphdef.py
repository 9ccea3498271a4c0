"""Reads the constants of a frozen TensorFlow graph: the weights, without TensorFlow.

The messages are declared here for the protobuf runtime, with the fields that constants need.

Source: GraphDef, NodeDef, AttrValue, TensorProto and TensorShapeProto of TensorFlow.
"""

from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from models.errors import WeightsError

FLOAT = 1  # the value of DataType for float32
# Fields by message: name, number, and type; brackets mark a repeated field.
MESSAGES = {
    "GraphDef": (("node", 1, "[NodeDef]"),),
    "NodeDef": (("name", 1, "string"), ("op", 2, "string"), ("attr", 5, "[Attribute]")),
    "Attribute": (("key", 1, "string"), ("value", 2, "AttrValue")),
    "AttrValue": (("tensor", 8, "TensorProto"),),
    "TensorProto": (
        ("dtype", 1, "int32"),
        ("tensor_shape", 2, "TensorShapeProto"),
        ("tensor_content", 4, "bytes"),
        ("float_val", 5, "[float]"),
    ),
    "TensorShapeProto": (("dim", 2, "[Dim]"),),
    "Dim": (("size", 1, "int64"),),
}


def constants(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the float32 constants of the graph at `path` by the names of their nodes.

    Raises:
        WeightsError: the file cannot be read, or is not a graph.
    """
    try:
        graph = _graph_message()
        graph.ParseFromString(path.read_bytes())
        found = {node.name: _value(node) for node in graph.node if node.op == "Const"}
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error})") from error
    except (DecodeError, KeyError, ValueError) as error:
        raise WeightsError(f"{path}: not a whole TensorFlow graph ({error})") from error
    return {name: value for name, value in found.items() if value is not None}


def _value(node: Any) -> NDArray[np.float32] | None:  # a message of the untyped runtime
    """Return the value of a constant; None if it is not float32."""
    tensor = {attribute.key: attribute.value for attribute in node.attr}["value"].tensor
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    values = np.frombuffer(tensor.tensor_content, "<f4") if tensor.dtype == FLOAT else np.zeros(0)
    if tensor.dtype == FLOAT and tensor.float_val:
        values = np.array(tensor.float_val)
    if values.size == 0:
        return None
    if values.size == 1:
        return np.full(shape, values[0], np.float32)
    return values.reshape(shape).astype(np.float32)


def _graph_message() -> Any:  # the runtime has no annotations
    """Return an empty GraphDef."""
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="graph.proto", syntax="proto3")
    for message, fields in MESSAGES.items():
        declared = file.message_type.add(name=message)
        for name, number, kind in fields:
            field = declared.field.add(name=name, number=number)
            repeated, of = kind.startswith("["), kind.strip("[]")
            field.label = field_type.LABEL_REPEATED if repeated else field_type.LABEL_OPTIONAL
            if of in MESSAGES:
                field.type, field.type_name = field_type.TYPE_MESSAGE, f".{of}"
            else:
                field.type = field_type.Type.Value(f"TYPE_{of.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("GraphDef"))()
