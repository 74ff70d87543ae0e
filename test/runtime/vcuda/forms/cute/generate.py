#!/usr/bin/env python3
"""Writes fragments.json beside this file: CuTe's layouts of the fragments of mma.sync and ldmatrix, as data.

    pip download --no-deps nvidia-cutlass==4.2.0.0; generate.py nvidia_cutlass-*.whl

A layout is what CuTe calls one, [shape, stride], both nested: it maps (thread, value) to a place in a matrix whose first
coordinate runs fastest; of ldmatrix it maps (thread, bit) to a bit of shared memory. Only these numbers are kept.

Of m16n8k32 with 4-bit elements the package's B has a stride that puts two elements into one place; its B is written as
m8n8k32 has it, whose B is the same matrix.
"""
import json
import pathlib
import re
import sys
import zipfile

FOLDER = "cutlass_library/source/include/cute/atom/"


def nested(text):
    """Shape<_4, Shape<_2, _2>> as [4, [2, 2]]."""
    text = re.sub(r"\b(Shape|Stride)\s*<", "[", text).replace(">", "]")
    return json.loads(re.sub(r"_(\d+)", r"\1", text))


def layout(text, names):
    text = text.strip()
    if text in names:
        return names[text]
    inner = re.fullmatch(r"Layout\s*<(.*)>", text, re.S)[1]
    depth = 0
    for at, character in enumerate(inner):
        depth += {"<": 1, ">": -1}.get(character, 0)
        if character == "," and depth == 0:
            return [nested(inner[:at]), nested(inner[at + 1:])]
    raise ValueError(text)


def traits(source):
    """{name: {A, B, C: layout}} of one header; a trait that is derived has its base's layouts."""
    source = re.sub(r"//.*", "", source)
    names, found = {}, {}
    for name, text in re.findall(r"^using (\w+)\s*=\s*(Layout<.*?);", source, re.S | re.M):
        if "QuadPair" not in name:
            names[name] = layout(text, names)
    pattern = r"struct MMA_Traits<(\w+)>\s*(?::\s*MMA_Traits<(\w+)>)?\s*\{(.*?)\};"
    for name, base, body in re.findall(pattern, source, re.S):
        kept = dict(found.get(base, {}))
        for part, text in re.findall(r"using ([ABC])Layout\s*=\s*(.*?);", body, re.S):
            kept[part] = layout(text, names)
        if len(kept) == 3:
            found[name] = kept
    return found


def copies(source):
    source = re.sub(r"//.*", "", source)
    pattern = r"struct Copy_Traits<SM75_(\w+)_LDSM_(\w)>\s*\{(.*?)\};"
    return {f"{size}_{kind}": {part: layout(text, {}) for part, text in
                               re.findall(r"using (Src|Dst)Layout\s*=\s*(.*?);", body, re.S)}
            for size, kind, body in re.findall(pattern, source, re.S)}


def main():
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        read = lambda n: wheel.read(FOLDER + n).decode()  # noqa: E731
        found = {}
        for arch in (70, 75, 80, 89):
            found |= traits(read(f"mma_traits_sm{arch}.hpp"))
        found |= {n: parts for n, parts in traits(read("mma_traits_sm90.hpp")).items() if "_F64F64F64F64_" in n}
        for name, parts in found.items():
            if re.match(r"SM80_16x8x32_S32[SU]4", name):
                parts["B"] = found[name.replace("16x8x32", "8x8x32")]["B"]
        data = dict(mma=found, ldmatrix=copies(read("copy_traits_sm75.hpp")))
    lines = [f'{json.dumps(kind)}: {{\n' + ",\n".join(f" {json.dumps(n)}: {json.dumps(v)}" for n, v in sorted(rows.items())) + "}"
             for kind, rows in data.items()]
    pathlib.Path(__file__).with_name("fragments.json").write_text("{" + ",\n".join(lines) + "}\n")
    print(len(found), "mma,", len(data["ldmatrix"]), "ldmatrix")


if __name__ == "__main__":
    main()
