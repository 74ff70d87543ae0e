#!/usr/bin/env python3
"""A safetensors file with its fp32 tensors as fp16, in a form that compresses; standard library only.

    half_weights.py shrink model.safetensors model.half
    half_weights.py widen model.half model.safetensors

The .half file: 8 bytes N, N bytes of the safetensors header as it was, then per stretch of tensors of one type the data:
stretches of F32 as fp16 (all high bytes, then all low bytes), others as they are. Offsets stay those of fp32.
"""
import array
import itertools
import json
import struct
import sys

CHUNK = 1 << 20


def header(data):
    """(bytes of the header with its length, [(is it F32, begin, end)]: stretches of the data in order)."""
    size = 8 + struct.unpack("<Q", data[:8])[0]
    tensors = [t for name, t in json.loads(data[8:size]).items() if name != "__metadata__"]
    tensors.sort(key=lambda t: t["data_offsets"])
    stretches = []
    for wide, group in itertools.groupby(tensors, key=lambda t: t["dtype"] == "F32"):
        group = list(group)
        stretches.append((wide, group[0]["data_offsets"][0], group[-1]["data_offsets"][1]))
    return data[:size], stretches


def clamp(x):
    """fp16 holds up to 65504."""
    return max(-65504.0, min(65504.0, x))


def shrink(source, target):
    data = open(source, "rb").read()
    head, stretches = header(data)
    with open(target, "wb") as out:
        out.write(head)
        for wide, begin, end in stretches:
            piece = memoryview(data)[len(head) + begin:len(head) + end]
            if not wide:
                out.write(piece)
                continue
            half = bytearray()
            for at in range(0, len(piece), 4 * CHUNK):
                values = array.array("f", bytes(piece[at:at + 4 * CHUNK]))
                half += struct.pack(f"<{len(values)}e", *map(clamp, values))
            out.write(half[1::2])
            out.write(half[0::2])


def widen(source, target):
    data = open(source, "rb").read()
    head, stretches = header(data)
    at = len(head)
    with open(target, "wb") as out:
        out.write(head)
        for wide, begin, end in stretches:
            if not wide:
                out.write(data[at:at + end - begin])
                at += end - begin
                continue
            count = (end - begin) // 4
            half = bytearray(2 * count)
            half[1::2], half[0::2] = data[at:at + count], data[at + count:at + 2 * count]
            at += 2 * count
            for k in range(0, count, CHUNK):
                n = min(CHUNK, count - k)
                out.write(array.array("f", struct.unpack_from(f"<{n}e", half, 2 * k)).tobytes())


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("shrink", "widen"):
        sys.exit(__doc__)
    {"shrink": shrink, "widen": widen}[sys.argv[1]](sys.argv[2], sys.argv[3])


if __name__ == "__main__":
    main()
