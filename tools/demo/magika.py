"""magika standard_v3_3 tells the type of a file from its first and last bytes.

Features, as the model's config.min.json says: up to 4,096 bytes are read at each end, white space is stripped from the
outer side, and the first and the last 1,024 bytes are taken; 256 stands for "no byte".
"""
import gzip
import io
import json
import math
import pathlib
import struct
import wave
import zipfile
import zlib

import models
import numpy as np
from programs import ROOT

MODEL = "magika"
TITLE = "what type is this file?"


def png(width=32, height=32):
    """A small gradient picture as PNG."""
    rows = b"".join(b"\0" + bytes((x * 8 + y) % 256 for x in range(width)) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) + \
        chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def wav():
    """A tenth of a second of a tone."""
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(16000)
        w.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(k / 6))) for k in range(1600)))
    return out.getvalue()


def archive():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name in ("README.md", "LICENSE"):
            z.writestr(zipfile.ZipInfo(name), (ROOT / name).read_bytes())
    return out.getvalue()


def files():
    """(shown name, bytes, right label)."""
    here = [("tools/dev/testing.py", "python"), ("tools/dev/start.sh", "shell"), ("README.md", "markdown"),
            ("CMakeLists.txt", "cmake"), ("LICENSE", "txt"), ("ir/dims/dim.cpp", "cpp")]
    table = "\n".join(["id,name,score", *(f"{k},item{k},{k * 7 % 101}" for k in range(60))])
    rows = [{"id": k, "tags": ["a", "b"], "nested": {"score": k / 2}} for k in range(20)]
    page = "<!DOCTYPE html>\n<html><head><title>dlc</title></head>\n<body><h1>Kernels</h1><p>Few.</p></body></html>\n"
    made = [("rows.json", json.dumps(rows, indent=1).encode(), "json"), ("table.csv", table.encode(), "csv"),
            ("page.html", page.encode(), "html"), ("picture.png", png(), "png"), ("tone.wav", wav(), "wav"),
            ("texts.zip", archive(), "zip"), ("licence.gz", gzip.compress((ROOT / "LICENSE").read_bytes(), mtime=0), "gzip"),
            ("/bin/ls", pathlib.Path("/bin/ls").read_bytes(), "elf")]
    return [(name, (ROOT / name).read_bytes(), label) for name, label in here] + made


def features(content, config):
    """One row of the model's input: token ids of the beginning and the end of a file."""
    block, size, pad = config["block_size"], config["beg_size"], config["padding_token"]
    begin = content[:block].lstrip()[:size]
    end = content[-block:].rstrip()[-config["end_size"]:]
    return list(begin) + [pad] * (size - len(begin)) + [pad] * (config["end_size"] - len(end)) + list(end)


class Demo:
    def __init__(self):
        self.model = models.get(MODEL)
        self.config = json.loads(self.model.path.with_name("config.min.json").read_text())
        self.files = files()

    def answer(self, run):
        """Run the model; [(line to print, is it right)]."""
        out = run({"bytes": np.array([features(c, self.config) for _, c, _ in self.files], np.int32)})["target_label"]
        labels = [self.config["target_labels_space"][k] for k in out.argmax(1)]
        return [(f"{name:24} {label:10} {score:4.0%}", label == right)
                for (name, _, right), label, score in zip(self.files, labels, out.max(1))]
