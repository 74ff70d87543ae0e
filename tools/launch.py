#!/usr/bin/env python3
"""Runs an artifact of dlc with libcuda alone: launch.py model.ptx inputs.npz outputs.npz [--driver PATH].

The artifact's format is in runtime/README.md. --driver names the CUDA driver or another library with its interface.
"""
import argparse, contextlib, ctypes, hashlib, json, math, pathlib, sys  # noqa: E401
import numpy as np

TYPES = {f"{kind}{8 * n}": f"{kind}{n}" for kind in "fiu" for n in (1, 2, 4, 8)} | {
    "bool": "?", "bf16": "V2", "f8e4m3fn": "V1", "f8e5m2": "V1"}
EXPRESSIONS = {
    "+": lambda a, *b: a + sum(b), "-": lambda a, b: a - b, "*": lambda *a: math.prod(a), "min": min, "max": max,
    "floordiv": lambda a, b: a // b, "ceildiv": lambda a, b: -(-a // b), "mod": lambda a, b: a % b,
    "<=": lambda a, b: a <= b, "<": lambda a, b: a < b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "divides": lambda a, b: b % a == 0}

@contextlib.contextmanager
def reason(what):  # the work inside, whose failure ends the program with one line
    try: yield
    except Exception as e: sys.exit(f"{what}: {e}")

class Driver:
    """The functions of the CUDA Driver API, checked: driver.cuInit(0). Addresses and handles are 64-bit integers."""
    def __init__(self, path):
        with reason(f"can't open the CUDA driver {path}"): self.library = ctypes.CDLL(path); self.cuInit(0)
    def __getattr__(self, name):
        def call(*args):
            if code := getattr(self.library, name)(*(ctypes.c_uint64(a) if isinstance(a, int) else a for a in args)):
                sys.exit(f"{name} failed with CUDA error {code}")
        return call
    def made(self, name, *args, kind=ctypes.c_uint64):  # the value written through the first parameter
        value = kind()
        getattr(self, name)(ctypes.byref(value), *args)
        return value.value

def read_artifact(path):  # (PTX, plan), after a look at the digest
    with reason(f"{path} is no artifact of dlc"):
        data = path.read_bytes()
        begin, end = data.index(b"//!dlc-plan 1 begin\n"), data.rindex(b"//!dlc-plan 1 end sha256:")
    if data[end:].split(b":")[1].decode().strip() != hashlib.sha256(data[:end]).hexdigest(): sys.exit(f"{path}: damaged")
    return data[:begin], json.loads(b"\n".join(line[2:] for line in data[begin:end].splitlines()[1:]))

def read_weights(path):  # {name: bytes} of a safetensors file
    with reason(f"can't read the weights {path}"):
        data = np.memmap(path, np.uint8, "r")
        start = 8 + int.from_bytes(data[:8].tobytes(), "little")
        spans = {name: t["data_offsets"] for name, t in json.loads(data[8:start].tobytes()).items() if "dtype" in t}
        return {name: data[start + begin:start + end] for name, (begin, end) in spans.items()}

def magic(d):
    shift = (d - 1).bit_length()
    return ((1 << 32) * ((1 << shift) - d) // d + 1) | shift << 32
def pointer(array): return array.ctypes.data_as(ctypes.c_void_p)

class Program:
    def __init__(self, path, inputs, driver):
        ptx, self.plan = read_artifact(path)
        self.check(inputs)
        self.driver = driver = Driver(driver)
        device = driver.made("cuDeviceGet", 0, kind=ctypes.c_int)
        driver.cuCtxSetCurrent(driver.made("cuDevicePrimaryCtxRetain", device))
        self.module = driver.made("cuModuleLoadData", ctypes.c_char_p(ptx))
        self.names = {f"@{name}": driver.made("cuDeviceGetAttribute", number, device, kind=ctypes.c_int)
                      for name, number in (("sms", 16), ("shared_per_block", 97))}
        self.bind(inputs), self.place(inputs, path)

    def value(self, e):
        return e if isinstance(e, int) else self.names[e] if isinstance(e, str) else \
            EXPRESSIONS[e[0]](*map(self.value, e[1:]))
    def check(self, inputs):
        wanted = {v["name"]: v for v in self.plan["inputs"]}
        if wanted.keys() != inputs.keys(): sys.exit(f"the inputs are {', '.join(wanted)}, not {', '.join(inputs)}")
        for name, v in wanted.items():
            got, dtype, rank = inputs[name], np.dtype(TYPES[v["dtype"]]), len(v["dims"])
            if got.dtype != dtype or got.ndim != rank:
                sys.exit(f"input {name} is {got.dtype}, rank {got.ndim}; should be {v['dtype']} ({dtype}), rank {rank}")

    def bind(self, inputs):
        for s in self.plan["symbols"]:
            extent, source = inputs[s["from"]["input"]].shape[s["from"]["dim"]], s["from"]
            self.names[s["name"]] = n = (extent - source.get("offset", 0)) // source.get("scale", 1)
            if not s["min"] <= n <= s["max"] or n % s["multiple"]:
                sys.exit(f"{s['name']} is {n}; this artifact takes {s['min']}..{s['max']}, multiples of {s['multiple']}")
        for s in self.plan.get("scalars", []):
            self.names[s["name"]] = self.value(s["from"]["expr"]) if s["from"]["kind"] == "expr" else \
                int(inputs[s["from"]["input"]].flat[s["from"]["index"]])
        for v in self.plan["inputs"]:
            if list(inputs[v["name"]].shape) != (dims := [*map(self.value, v["dims"])]):
                sys.exit(f"input {v['name']} should have shape {dims}")
        for guard in self.plan.get("guards", []):
            if not self.value(guard["require"]): sys.exit(guard["message"])

    def memory(self, size, array=None):
        address = self.driver.made("cuMemAlloc_v2", size) if size else 0
        if size and array is not None: self.driver.cuMemcpyHtoD_v2(address, pointer(array), size)
        return address
    def bytes(self, v):
        return math.prod(map(self.value, v["dims"])) * np.dtype(TYPES[v["dtype"]]).itemsize

    def place(self, inputs, path):  # memory for everything; address and size of each buffer
        weights = read_weights(path.parent / self.plan["weights"]["file"]) if "weights" in self.plan else {}
        roots = {("weight", name): self.memory(array.nbytes, array) for name, array in weights.items()}
        roots |= {("input", n): self.memory(a.nbytes, np.ascontiguousarray(a)) for n, a in inputs.items()}
        roots |= {("output", v["name"]): self.memory(self.bytes(v)) for v in self.plan["outputs"]}
        roots |= {(kind, None): self.memory(self.value(size)) for kind, size in self.plan["memory"].items()}
        if n := self.value(self.plan["memory"]["zeroed"]): self.driver.cuMemsetD8_v2(roots["zeroed", None], 0, n)
        self.address, self.size = {}, {}
        for b in self.plan["buffers"]:
            base = b["base"]
            start = self.address[base["name"]] if base["kind"] == "buffer" else roots[base["kind"], base.get("name")]
            self.address[b["name"]] = start + self.value(b.get("offset", 0))
            self.size[b["name"]] = self.value(b["bytes"]) if "bytes" in b else self.bytes(b)
    def argument(self, a):
        return ctypes.c_uint64(self.address[a["buffer"]] + self.value(a.get("offset", 0)) if a["kind"] == "pointer" else
                               self.value(a["expr"]) if a["kind"] == "dim" else
                               magic(self.value(a["divisor"])) if a["kind"] == "magic" else a["bits"])

    def launch(self, launch):
        grid, shared = [*map(self.value, launch["grid"])], self.value(launch["shared"])
        if 0 in grid: return
        function = self.driver.made("cuModuleGetFunction", self.module, ctypes.c_char_p(launch["kernel"].encode()))
        if shared: self.driver.cuFuncSetAttribute(function, 8, shared)
        args = [self.argument(a) for a in launch["args"]]
        pointers = (ctypes.c_void_p * len(args))(*(ctypes.addressof(a) for a in args))
        self.driver.cuLaunchKernel(function, *grid, *launch["block"], shared, 0, pointers, 0)

    def run(self):
        for op in self.plan["ops"]:
            if op["kind"] == "run":
                variant = next(v for v in op["variants"] if all(map(self.value, v["when"])))
                for launch in variant["launches"]: self.launch(launch)
            elif op["kind"] == "copy" and self.size[op["to"]]:
                self.driver.cuMemcpyDtoD_v2(self.address[op["to"]], self.address[op["from"]], self.size[op["to"]])
            elif op["kind"] == "set" and (count := self.size[op["buffer"]] // op["width"]):
                getattr(self.driver, f"cuMemsetD{8 * op['width']}_v2")(self.address[op["buffer"]], op["value"], count)
        self.driver.cuCtxSynchronize()
        return {v["name"]: self.fetch(v) for v in self.plan["outputs"]}
    def fetch(self, v):
        array = np.empty([*map(self.value, v["dims"])], TYPES[v["dtype"]])
        if array.nbytes: self.driver.cuMemcpyDtoH_v2(pointer(array), self.address[v["buffer"]], array.nbytes)
        return array

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for positional in ("artifact", "inputs", "outputs"): parser.add_argument(positional, type=pathlib.Path)
    parser.add_argument("--driver", default="libcuda.so.1")
    arguments = parser.parse_args()
    with reason(f"can't read {arguments.inputs}"): given = dict(np.load(arguments.inputs))
    results = Program(arguments.artifact, given, arguments.driver).run()
    with reason(f"can't write {arguments.outputs}"): np.savez(arguments.outputs, **results)
