"""A script that knows the CUDA Driver API and nothing else, and what the virtual GPU leaves behind when it ends.

    ctypes_test.py FOLDER_OF_LIBCUDA KERNELS.PTX
"""
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import unittest

FOLDER, PTX = sys.argv[1], sys.argv[2]


def client(kernel, bytes_of_x):
    """saxpy or readUninitialised over 1000 floats, as any ctypes script would; prints the first and last result."""
    cuda = ctypes.CDLL("libcuda.so.1")

    def call(name, *arguments):
        status = getattr(cuda, name)(*arguments)
        if status:
            text = ctypes.c_char_p()
            cuda.cuGetErrorName(status, ctypes.byref(text))
            sys.exit(f"{name}: {text.value.decode()}")

    def handle(name, *arguments):
        result = ctypes.c_void_p()
        call(name, ctypes.byref(result), *arguments)
        return result

    call("cuInit", 0)
    handle("cuCtxCreate_v2", 0, 0)
    with open(PTX, "rb") as file:
        module = handle("cuModuleLoadData", file.read() + b"\0")
    function = handle("cuModuleGetFunction", module, kernel.encode())
    n = 1000
    x, y = (ctypes.c_float * n)(*range(n)), (ctypes.c_float * n)(*[1.0] * n)
    addresses = []
    for array in (x, y):
        address = ctypes.c_uint64()
        call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(4 * n))
        addresses.append(address)
    call("cuMemcpyHtoD_v2", addresses[0], x, ctypes.c_size_t(bytes_of_x))
    call("cuMemcpyHtoD_v2", addresses[1], y, ctypes.c_size_t(4 * n))
    values = [ctypes.c_int(n), ctypes.c_float(2), *addresses] if kernel == "saxpy" else addresses
    pointers = (ctypes.c_void_p * len(values))(*[ctypes.cast(ctypes.byref(v), ctypes.c_void_p) for v in values])
    call("cuLaunchKernel", function, 8 if kernel == "saxpy" else 1, 1, 1, 128, 1, 1, 0, None, pointers, None)
    call("cuMemcpyDtoH_v2", y, addresses[1], ctypes.c_size_t(4 * n))
    print(y[0], y[n - 1])


class Attribute(ctypes.Structure):
    _fields_ = [("id", ctypes.c_int), ("pad", ctypes.c_int), ("value", ctypes.c_uint * 16)]


class KernelNode(ctypes.Structure):
    _fields_ = [("function", ctypes.c_void_p), ("grid", ctypes.c_uint * 3), ("block", ctypes.c_uint * 3), ("shared", ctypes.c_uint),
                ("arguments", ctypes.POINTER(ctypes.c_void_p)), ("extra", ctypes.c_void_p), ("kernel", ctypes.c_void_p), ("context", ctypes.c_void_p)]


class LaunchConfig(ctypes.Structure):
    _fields_ = [("grid", ctypes.c_uint * 3), ("block", ctypes.c_uint * 3), ("shared", ctypes.c_uint), ("stream", ctypes.c_void_p),
                ("attributes", ctypes.POINTER(Attribute)), ("count", ctypes.c_uint)]


def launcher():
    """What launchers of compiled kernels do (Triton's and the like): they join the primary context, ask for the device's
    limits and the function's needs, opt in to more shared memory and launch with attributes; some replay it as a graph."""
    cuda = ctypes.CDLL("libcuda.so.1")

    def call(name, *arguments):
        status = getattr(cuda, name)(*arguments)
        if status:
            text = ctypes.c_char_p()
            cuda.cuGetErrorString(status, ctypes.byref(text))
            sys.exit(f"{name}: {status} {text.value.decode()}")

    def new(name, *arguments, kind=ctypes.c_void_p):
        result = kind()
        call(name, ctypes.byref(result), *arguments)
        return result

    def limit(attribute):
        return new("cuDeviceGetAttribute", attribute, 0, kind=ctypes.c_int).value

    call("cuInit", 0)
    assert not new("cuCtxGetCurrent").value
    call("cuCtxSetCurrent", new("cuDevicePrimaryCtxRetain", 0))
    shared, sms, warp = limit(97), limit(16), limit(10)  # opt-in shared memory, SMs, warp size
    with open(PTX, "rb") as file:
        text = file.read()
    errors = ctypes.create_string_buffer(1000)
    options, values = (ctypes.c_int * 2)(5, 6), (ctypes.c_void_p * 2)(ctypes.addressof(errors), 1000)
    module = ctypes.c_void_p()
    broken = text.replace(b"fma.rn.f32", b"frob.f32", 1) + b"\0"
    assert cuda.cuModuleLoadDataEx(ctypes.byref(module), broken, 2, options, values) == 218
    assert b"instruction 'frob' is not supported" in errors.value, errors.value
    function = new("cuModuleGetFunction", new("cuModuleLoadData", text + b"\0"), b"saxpy")
    registers, static, threads = (new("cuFuncGetAttribute", a, function, kind=ctypes.c_int).value for a in (4, 1, 0))
    assert registers > 0 and threads >= 128
    call("cuFuncSetCacheConfig", function, 1)
    call("cuFuncSetAttribute", function, 8, shared - static)

    n = 1000
    stream, done = new("cuStreamCreate", 1), new("cuEventCreate", 0)
    x, y = (new("cuMemAllocAsync", ctypes.c_size_t(4 * n), stream, kind=ctypes.c_uint64) for _ in "xy")
    host = new("cuMemHostAlloc", ctypes.c_size_t(4 * n), 0)
    results = (ctypes.c_float * n).from_address(host.value)
    call("cuMemcpyHtoDAsync_v2", x, (ctypes.c_float * n)(*range(n)), ctypes.c_size_t(4 * n), stream)

    def pointers(*arguments):
        return (ctypes.c_void_p * len(arguments))(*[ctypes.addressof(a) for a in arguments])

    def launch(factor, *attributes):
        listed = (Attribute * 2)()
        for slot, (slot.id, value) in zip(listed, attributes):
            slot.value[0] = value
        config = LaunchConfig((8, 1, 1), (4 * warp, 1, 1), shared - static, stream, listed, len(attributes))
        arguments = ctypes.c_int(n), ctypes.c_float(factor), x, y
        call("cuLaunchKernelEx", ctypes.byref(config), function, pointers(*arguments), None)

    cooperative, dependent = (2, 1), (6, 1)
    blocks = new("cuOccupancyMaxActiveBlocksPerMultiprocessor", function, 128, ctypes.c_size_t(shared - static), kind=ctypes.c_int)
    assert blocks.value == 1 and sms >= 8
    call("cuStreamBeginCapture_v2", stream, 2)
    call("cuMemsetD32Async", y, 0x3f800000, ctypes.c_size_t(n), stream)
    for attributes in ((), (cooperative,), (dependent,), (cooperative, dependent)):
        launch(1, *attributes)
    call("cuMemcpyDtoHAsync_v2", host, y, ctypes.c_size_t(4 * n), stream)
    graph = ctypes.c_void_p()
    call("cuStreamEndCapture", stream, ctypes.byref(graph))
    instance = new("cuGraphInstantiateWithFlags", graph, ctypes.c_uint64(0))
    call("cuGraphLaunch", instance, stream)
    call("cuEventRecord", done, stream)
    call("cuEventSynchronize", done)
    assert list(results) == [1 + 4 * i for i in range(n)], list(results)[:4]

    # Other arguments for one node, and again.
    count = ctypes.c_size_t(8)
    nodes = (ctypes.c_void_p * 8)()
    call("cuGraphGetNodes", graph, nodes, ctypes.byref(count))
    kinds = (ctypes.c_int * 8)()
    for i, node in enumerate(nodes[:count.value]):
        call("cuGraphNodeGetType", ctypes.c_void_p(node), ctypes.byref(kinds, 4 * i))
    kernels = [node for node, kind in zip(nodes[:count.value], kinds) if kind == 0]
    assert (count.value, len(kernels)) == (6, 4)
    arguments = ctypes.c_int(500), ctypes.c_float(7), x, y
    node = KernelNode(function, (4, 1, 1), (4 * warp, 1, 1), 0, pointers(*arguments), None, None, None)
    call("cuGraphExecKernelNodeSetParams_v2", instance, ctypes.c_void_p(kernels[0]), ctypes.byref(node))
    call("cuGraphLaunch", instance, stream)
    call("cuStreamSynchronize", stream)
    assert list(results) == [1 + (10 if i < 500 else 3) * i for i in range(n)], list(results)[498:502]

    for name, handle in (("cuGraphExecDestroy", instance), ("cuGraphDestroy", graph), ("cuMemFreeHost", host), ("cuEventDestroy_v2", done)):
        call(name, handle)
    for address in (x, y):
        call("cuMemFreeAsync", address, stream)
    call("cuStreamDestroy_v2", stream)
    call("cuDevicePrimaryCtxRelease_v2", 0)
    print("done")


def run(kernel="saxpy", bytes_of_x=4000, **environment):
    env = {k: v for k, v in os.environ.items() if not k.startswith("VCUDA_")}
    env.update(environment, LD_LIBRARY_PATH=FOLDER)
    return subprocess.run([sys.executable, "-B", __file__, FOLDER, PTX, "client", kernel, str(bytes_of_x)],
                          env=env, capture_output=True, text=True, timeout=120)


class CtypesTest(unittest.TestCase):
    def test_saxpy(self):
        for environment in ({}, {"VCUDA_CHECKS": "off"}, {"VCUDA_CHECKS": "full"}, {"VCUDA_SCHEDULE": "reverse"},
                            {"VCUDA_SCHEDULE": "random:7"}, {"VCUDA_SCHEDULE": "ahead"}, {"VCUDA_MMA": "exact"},
                            {"VCUDA_APPROXIMATIONS": "jitter:3"}, {"VCUDA_THREADS": "1"}, {"VCUDA_DEVICE": "sm_86"}, {"VCUDA_DEVICE": "h200"}, {"VCUDA_DEVICE": "a2,a100"}):
            with self.subTest(environment):
                result = run(**environment)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(result.stdout.split(), ["1.0", "1999.0"])
                self.assertEqual(result.stderr, "")

    def test_launcher(self):
        for device in ("a100", "rtx3090", "l4", "h200"):
            for checks in ("off", "full"):
                with self.subTest(device=device, checks=checks):
                    result = run("launcher", VCUDA_DEVICE=device, VCUDA_CHECKS=checks)
                    self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "done\n", ""))

    def test_findings_and_counters_at_exit(self):
        with tempfile.TemporaryDirectory() as folder:
            files = {"VCUDA_FINDINGS": f"{folder}/findings.jsonl", "VCUDA_COUNTERS": f"{folder}/counters.json"}
            result = run("readUninitialised", 100, **files)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("vcuda: 1 finding\n", result.stderr)
            self.assertIn("uninitialised-read in readUninitialised", result.stderr)
            with open(files["VCUDA_FINDINGS"]) as file:
                findings = [json.loads(line) for line in file]
            self.assertEqual([f["check"] for f in findings], ["uninitialised-read"])
            self.assertEqual(findings[0]["thread"], [25, 0, 0])
            self.assertEqual(findings[0]["count"], 103)
            with open(files["VCUDA_COUNTERS"]) as file:
                kernel, = json.load(file)["kernels"]
            self.assertEqual((kernel["kernel"], kernel["launches"], kernel["warps"]), ("readUninitialised", 1, 4))
            self.assertEqual((kernel["global_bytes_read"], kernel["global_sectors_read"]), (512, 16))
            quiet = run("readUninitialised", 100, VCUDA_SUMMARY="off")
            self.assertEqual((quiet.returncode, quiet.stderr), (0, ""))

    def test_files_that_take_nothing_are_named(self):
        for name in ("VCUDA_FINDINGS", "VCUDA_COUNTERS"):
            result = run("readUninitialised", 100, **{name: "/dev/full"})
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stderr.count(f"vcuda: {name}: No space left on device"), 1, result.stderr)
            self.assertIn("vcuda: 1 finding\n", result.stderr)

    def test_clean_run_leaves_an_empty_findings_file(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(run(VCUDA_FINDINGS=f"{folder}/f").returncode, 0)
            self.assertEqual(os.path.getsize(f"{folder}/f"), 0)

    def test_addresses_are_the_same_in_every_run(self):
        first, second = (run("readUninitialised", 100).stderr for _ in range(2))
        self.assertEqual(first, second)

    def test_a_child_of_fork_has_no_driver(self):
        script = ("import ctypes, os\n"
                  "cuda = ctypes.CDLL('libcuda.so.1')\n"
                  "assert cuda.cuInit(0) == 0\n"
                  "count = ctypes.c_int()\n"
                  "pid = os.fork()\n"
                  "results = cuda.cuInit(0), cuda.cuDeviceGetCount(ctypes.byref(count))\n"
                  "if not pid: os._exit(results != (3, 3))\n"
                  "assert results == (0, 0) and os.waitpid(pid, 0)[1] == 0\n")
        result = subprocess.run([sys.executable, "-B", "-c", script], env={**os.environ, "LD_LIBRARY_PATH": FOLDER},
                                capture_output=True, text=True, timeout=120)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_bad_settings_are_named(self):
        for name, value, text in (("VCUDA_DEVICE", "a1000", "a100"), ("VCUDA_CHECKS", "yes", "off, fast or full"),
                                  ("VCUDA_SCHEDULE", "sideways", "random:SEED"), ("VCUDA_THREADS", "many", "number"),
                                  ("VCUDA_MMA", "slow", "fast or exact"), ("VCUDA_FLOATS", "ints", "values or payloads"),
                                  ("VCUDA_APPROXIMATIONS", "jitter", "nearest or jitter:SEED"),
                                  ("VCUDA_CHECK", "full", "no such setting (known: VCUDA_DEVICE, "),
                                  ("VCUDA_FINDINGS", "/nonexistent/f", "No such file"),
                                  ("VCUDA_COUNTERS", "/nonexistent/c", "No such file")):
            with self.subTest(name):
                result = run(**{name: value})
                self.assertEqual(result.returncode, 1)
                self.assertIn(f"vcuda: {name}: ", result.stderr)
                self.assertIn(text, result.stderr)
                self.assertIn("cuInit: CUDA_ERROR_INVALID_VALUE", result.stderr)


if sys.argv[3:5] == ["client", "launcher"]:
    launcher()
elif len(sys.argv) > 3 and sys.argv[3] == "client":
    client(sys.argv[4], int(sys.argv[5]))
else:
    unittest.main(argv=sys.argv[:1])
