"""Models that are broken, one way each. `make_all(folder)` writes them and returns {what is wrong: path}."""
import os
import pathlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def value(name, shape=(2, 3), kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs=None, outputs=None, constants=(), opset=20, functions=(), domains=()):
    graph = helper.make_graph(nodes, "g", inputs or [value("x")], outputs or [value("y")], list(constants))
    return helper.make_model(graph, ir_version=10, functions=list(functions),
                             opset_imports=[helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)])


def relu(x="x", y="y", **more):
    return helper.make_node("Relu", [x], [y], **more)


def weights(name="w", shape=(2, 3)):
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


def add(constants, x="x"):
    """y = x + w."""
    return model([helper.make_node("Add", [x, "w"], ["y"])], constants=constants)


def lying(dims, data=b"\0" * 24, **fields):
    """An initializer w whose dims and data do not agree."""
    tensor = TensorProto(name="w", data_type=FLOAT, raw_data=data, **fields)
    tensor.dims.extend(dims)
    return add([tensor])


def external(**entries):
    """An initializer w of 2x3 floats that points into another file."""
    tensor = TensorProto(name="w", data_type=FLOAT, data_location=TensorProto.EXTERNAL, dims=[2, 3])
    for key, text in entries.items():
        tensor.external_data.add(key=key, value=text)
    return add([tensor])


def nested_ifs(depth):
    """If inside If inside If."""
    branch = helper.make_graph([relu("x", "b")], "leaf", [], [value("b")])
    for k in range(depth):
        node = helper.make_node("If", ["c"], [f"o{k}"], then_branch=branch, else_branch=branch if k == 0 else leaf_branch(k))
        branch = helper.make_graph([node], f"level{k}", [], [value(f"o{k}")])
    outer = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=leaf_branch(depth))
    return model([outer], [value("x"), value("c", (), TensorProto.BOOL)])


def leaf_branch(k):
    return helper.make_graph([relu("x", f"e{k}")], f"else{k}", [], [value(f"e{k}")])


def recursive_function():
    body = [helper.make_node("f", ["a"], ["b"], domain="own")]
    call = helper.make_node("f", ["x"], ["y"], domain="own")
    function = helper.make_function("own", "f", ["a"], ["b"], body, [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)])
    return model([call], functions=[function], domains=["own"])


def without(field):
    made = model([relu()])
    made.ClearField(field)
    return made


def sequence_input():
    made = model([helper.make_node("SequenceAt", ["s", "i"], ["y"])], [value("i", (), TensorProto.INT64)])
    made.graph.input.append(helper.make_tensor_sequence_value_info("s", FLOAT, None))
    return made


def protos():
    """{name: model} of those that are well-formed protobuf."""
    node = helper.make_node
    conv_inputs = [value("x", (1, 3, 8, 8)), value("w", (4, 3, 3, 3))]
    return {
        "cycle": model([node("Add", ["x", "b"], ["a"]), relu("a", "b"), relu("b", "y")]),
        "duplicate_value": model([relu("x", "a"), relu("x", "a"), relu("a", "y")]),
        "duplicate_initializer": add([weights(), weights()]),
        "output_listed_twice": model([relu()], outputs=[value("y"), value("y")]),
        "undefined_value": model([node("Add", ["x", "nowhere"], ["y"])]),
        "output_never_made": model([relu("x", "z")]),
        "data_shorter_than_dims": lying([4, 5]),
        "data_longer_than_dims": lying([1, 1]),
        "negative_dim": lying([-2, 3]),
        "two_gigabyte_claim": lying([1 << 20, 1 << 20]),
        "dims_overflow": lying([1 << 62, 1 << 62]),
        "unknown_element_type": add([TensorProto(name="w", data_type=99, dims=[2, 3], raw_data=b"\0" * 24)]),
        "shapes_do_not_multiply": model([node("MatMul", ["x", "w"], ["y"])], constants=[weights(shape=(5, 7))]),
        "shapes_do_not_broadcast": add([weights(shape=(4, 5))]),
        "impossible_reshape": model([node("Reshape", ["x", "s"], ["y"])],
                                    constants=[numpy_helper.from_array(np.array([7, 5]), "s")]),
        "types_do_not_agree": model([node("Add", ["x", "i"], ["y"])], [value("x"), value("i", (2, 3), TensorProto.INT64)]),
        "unknown_operator": model([node("Relooo", ["x"], ["y"])]),
        "unknown_domain": model([node("Relu", ["x"], ["y"], domain="com.example")], domains=["com.example"]),
        "domain_not_imported": model([node("Relu", ["x"], ["y"], domain="com.example")]),
        "attribute_of_wrong_type": model([node("Conv", ["x", "w"], ["y"], strides="two")], conv_inputs, [value("y", None)]),
        "attribute_missing": model([node("Cast", ["x"], ["y"])]),
        "attribute_out_of_range": model([node("Concat", ["x", "x"], ["y"], axis=9)]),
        "strides_of_wrong_length": model([node("Conv", ["x", "w"], ["y"], strides=[1, 1, 1])], conv_inputs, [value("y", None)]),
        "zero_stride": model([node("Conv", ["x", "w"], ["y"], strides=[0, 0])], conv_inputs, [value("y", None)]),
        "too_many_inputs": model([node("Relu", ["x", "x", "x"], ["y"])]),
        "too_few_inputs": model([node("MatMul", ["x"], ["y"])]),
        "opset_too_new": model([relu()], opset=999),
        "opset_too_old": model([relu()], opset=3),
        "no_graph": without("graph"),
        "no_opset": without("opset_import"),
        "sequence_input": sequence_input(),
        "recursive_function": recursive_function(),
        "external_missing": external(location="missing.data"),
        "external_without_location": external(offset="0"),
        "external_traversal": external(location="../../../../../../../../../../etc/passwd"),
        "external_absolute": external(location="/etc/passwd"),
        "external_symlink": external(location="link.data"),
        "external_fifo": external(location="fifo.data"),
        "external_folder": external(location="."),
        "external_offset_past_end": external(location="short.data", offset="4096", length="24"),
        "external_length_past_end": external(location="short.data", offset="8", length="24"),
        "external_offset_overflows": external(location="short.data", offset="18446744073709551608", length="24"),
        "external_offset_is_text": external(location="short.data", offset="first"),
        "control_characters_in_name": model([helper.make_node("Relooo", ["x"], ["y"], name="a\x1b[31m\nfoo: error")]),
    }


def make_all(folder):
    folder = pathlib.Path(folder)
    (folder / "short.data").write_bytes(b"\0" * 24)
    os.symlink("/etc/passwd", folder / "link.data")
    os.mkfifo(folder / "fifo.data")
    whole = model([relu("x", "a"), helper.make_node("Add", ["a", "w"], ["y"])], constants=[weights()]).SerializeToString()
    raw = {"empty": b"", "text": b"this is no model\n" * 40, "another_format": pathlib.Path("/bin/ls").read_bytes()[:50000],
           "truncated_half": whole[:len(whole) // 2], "truncated_last_byte": whole[:-1], "all_ones": b"\xff" * 4096,
           "deep_bytes": deep_bytes(2000)}
    made = {}
    for name, content in [*raw.items(), *((n, p.SerializeToString()) for n, p in protos().items()),
                          ("nested_ifs", nested_ifs(20).SerializeToString())]:
        made[name] = folder / f"{name}.onnx"
        made[name].write_bytes(content)
    made["missing_file"] = folder / "not_there.onnx"
    made["a_folder"] = folder / "folder.onnx"
    made["a_folder"].mkdir()
    os.mkfifo(folder / "fifo.onnx")
    made["a_fifo"] = folder / "fifo.onnx"
    return made


def deep_bytes(levels):
    """Graph in node attribute in graph in ..., as bytes, deeper than any parser's limit."""
    content = b""

    def field(number, payload):
        size, n = b"", len(payload)
        while True:
            size += bytes([n & 127 | (128 if n > 127 else 0)])
            n >>= 7
            if not n:
                return bytes([number << 3 | 2]) + size + payload

    for _ in range(levels):
        content = field(1, field(5, field(6, content)))     # GraphProto.node, NodeProto.attribute, AttributeProto.g
    return field(7, content)

