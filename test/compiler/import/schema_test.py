#!/usr/bin/env python3
"""compiler/import/onnx.proto against the descriptors of the pinned `onnx` package: every message, field, number, type, label and
enum value of ours exists there. Fields from 1000 on are our own."""
import pathlib
import subprocess
import sys
import tempfile

import onnx
from google.protobuf import descriptor_pb2

ROOT = pathlib.Path(__file__).resolve().parents[3]


def ours():
    with tempfile.NamedTemporaryFile(suffix=".pb") as out:
        folder = ROOT / "compiler" / "import"
        subprocess.run(["protoc", f"--descriptor_set_out={out.name}", f"-I{folder}", folder / "onnx.proto"], check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes()).file[0]


def theirs():
    file = descriptor_pb2.FileDescriptorProto()
    onnx.ModelProto.DESCRIPTOR.file.CopyToProto(file)
    return file


def enum_table(kind):
    return {v.name: v.number for v in kind.value}


def compare(mine, other, path, wrong):
    fields = {f.name: f for f in other.field}
    for field in mine.field:
        where = f"{path}.{field.name}"
        if field.number >= 1000:
            continue
        match = fields.get(field.name)
        if match is None:
            wrong.append(f"{where} does not exist")
            continue
        for what in ("number", "type", "label"):
            if getattr(field, what) != getattr(match, what):
                wrong.append(f"{where}: {what} is {getattr(field, what)}, theirs {getattr(match, what)}")
        if field.type_name.split(".")[-1] != match.type_name.split(".")[-1]:
            wrong.append(f"{where}: is a {field.type_name}, theirs {match.type_name}")
    enums = {e.name: e for e in other.enum_type}
    for kind in mine.enum_type:
        if kind.name not in enums or enum_table(kind) != enum_table(enums[kind.name]):
            wrong.append(f"{path}.{kind.name} differs: {enum_table(kind)}")
    compare_all(mine.nested_type, other.nested_type, path, wrong)


def compare_all(mine, other, path, wrong):
    known = {m.name: m for m in other}
    for message in mine:
        if message.name not in known:
            wrong.append(f"{path}.{message.name} does not exist")
        else:
            compare(message, known[message.name], f"{path}.{message.name}", wrong)


def main():
    wrong = []
    mine, other = ours(), theirs()
    compare_all(mine.message_type, other.message_type, "", wrong)
    newest = onnx.defs.onnx_opset_version()
    table = (ROOT / "compiler" / "import" / "table.h").read_text()
    if f"newestOpset = {newest};" not in table:
        wrong.append(f"the pinned package has opset {newest}, compiler/import/table.h another newest one")
    print("\n".join(wrong) or f"{len(mine.message_type)} messages agree with onnx {onnx.__version__}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
