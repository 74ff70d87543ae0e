"""The virtual GPU for scripts: loads PTX, launches kernels over numpy arrays, and fails on every finding."""
import ctypes
import json

import numpy as np


class Refused(Exception):
    """PTX that was refused at load: the driver's log."""


class Gpu:
    def __init__(self, library="libcuda.so.1"):
        self.cuda = ctypes.CDLL(library)
        self.call("cuInit", 0)
        self.context = ctypes.c_void_p()
        self.call("cuCtxCreate_v2", ctypes.byref(self.context), 0, 0)

    def call(self, name, *arguments):
        if status := getattr(self.cuda, name)(*arguments):
            text = ctypes.c_char_p()
            self.cuda.cuGetErrorName(status, ctypes.byref(text))
            raise RuntimeError(f"{name}: {text.value.decode()} {self.findings()}")

    def load(self, ptx):
        """The module of a PTX text."""
        module, log = ctypes.c_void_p(), ctypes.create_string_buffer(1 << 16)
        names, values = (ctypes.c_int * 2)(5, 6), (ctypes.c_void_p * 2)(ctypes.cast(log, ctypes.c_void_p), len(log))
        if self.cuda.cuModuleLoadDataEx(ctypes.byref(module), ptx.encode() + b"\0", 2, names, values):
            raise Refused(log.value.decode())
        return module

    def unload(self, module):
        self.call("cuModuleUnload", module)

    def findings(self):
        size = self.cuda.vcudaFindings(None, 0) + 1
        text = ctypes.create_string_buffer(size)
        self.cuda.vcudaFindings(text, size)
        return json.loads(text.value or b"[]")

    def run(self, module, kernel, arguments, grid=1, block=32, shared=0):
        """Arguments are numpy scalars and arrays; arrays go to the device and come back changed. A finding is an error."""
        function = ctypes.c_void_p()
        self.call("cuModuleGetFunction", ctypes.byref(function), module, kernel.encode())
        values, arrays = [], []
        for a in arguments:
            if isinstance(a, np.ndarray):
                address = ctypes.c_uint64()
                self.call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(a.nbytes))
                self.call("cuMemcpyHtoD_v2", address, a.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(a.nbytes))
                arrays.append((a, address))
                values.append(address)
            else:
                values.append(np.ctypeslib.as_ctypes_type(a.dtype)(a.item()))
        pointers = (ctypes.c_void_p * max(1, len(values)))(*[ctypes.cast(ctypes.byref(v), ctypes.c_void_p) for v in values])
        self.call("cuLaunchKernel", function, grid, 1, 1, block, 1, 1, shared, None, pointers, None)
        for a, address in arrays:
            self.call("cuMemcpyDtoH_v2", a.ctypes.data_as(ctypes.c_void_p), address, ctypes.c_size_t(a.nbytes))
            self.call("cuMemFree_v2", address)
        if found := self.findings():
            raise AssertionError(f"{kernel}: {found[0]['check']}: {found[0]['message']}, PTX line {found[0]['ptx_line']}")
