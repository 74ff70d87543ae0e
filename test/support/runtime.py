"""The runtime's C interface (runtime/include/dlc/runtime.h) by ctypes: one context, many runs.

    session = Session(artifact, device="vcuda")
    answer = session({"x": array})
"""
import ctypes
import os
import pathlib

import ml_dtypes
import numpy as np
from programs import BIN, Broken

LIB = pathlib.Path(os.environ.get("DLC_LIB_DIR", BIN.parent / "lib"))
# In the order of dlc_dtype.
DTYPES = [np.dtype(t) for t in (np.float32, np.float16, ml_dtypes.bfloat16, np.float64, np.int8, np.uint8, np.int16, np.uint16,
                                np.int32, np.uint32, np.int64, np.uint64, np.bool_, ml_dtypes.float8_e4m3fn,
                                ml_dtypes.float8_e5m2)]


CONTEXT_GRAPH = 2


class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int), ("memory", ctypes.c_int), ("rank", ctypes.c_int32),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64))]


class ValueInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_int), ("rank", ctypes.c_int32),
                ("dims", ctypes.POINTER(ctypes.c_char_p)), ("alignment", ctypes.c_int32)]


class Dim(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("value", ctypes.c_int64)]


class ContextOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("flags", ctypes.c_uint32), ("driver", ctypes.c_char_p),
                ("device", ctypes.c_int32), ("cuda_context", ctypes.c_void_p)]


class DeviceInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 128), ("ordinal", ctypes.c_int32), ("major", ctypes.c_int32), ("minor", ctypes.c_int32),
                ("sms", ctypes.c_int32), ("shared_per_block", ctypes.c_int32), ("driver_version", ctypes.c_int32)]


def tensor(array):
    """A host tensor over an array, which must outlive it."""
    shape = (ctypes.c_int64 * max(1, array.ndim))(*array.shape)
    made = Tensor(array.ctypes.data, DTYPES.index(array.dtype), 0, array.ndim,
                  ctypes.cast(shape, ctypes.POINTER(ctypes.c_int64)), None)
    made.keep = (array, shape)
    return made


class Session:
    """A module and one context on it. Errors of the library are raised as Broken, with its message."""

    def __init__(self, artifact, device="vcuda", share=None, graph=False):
        """share: an open session whose module this one uses, too, with a context of its own.
        graph: launch through one CUDA graph that is updated for each run."""
        self.lib = ctypes.CDLL(str(LIB / "libdlc_runtime.so"))
        self.lib.dlc_last_error.restype = ctypes.c_char_p
        for name in ("dlc_module_input_count", "dlc_module_output_count", "dlc_module_symbol_count"):
            getattr(self.lib, name).restype = ctypes.c_size_t
        self.module, self.context = ctypes.c_void_p(), ctypes.c_void_p()
        self.shares = share is not None
        if self.shares:
            self.module = share.module
        else:
            self.check(self.lib.dlc_module_load_file(str(artifact).encode(), None, ctypes.byref(self.module)))
        options = ContextOptions()
        self.lib.dlc_context_options_init(ctypes.byref(options))
        options.flags = CONTEXT_GRAPH if graph else 0
        self.virtual = None
        if device == "vcuda":
            options.driver = str(LIB / "vcuda" / "libcuda.so.1").encode()
            self.virtual = ctypes.CDLL(options.driver.decode())
            self.virtual.vcudaFindingCount.restype = self.virtual.vcudaFindings.restype = ctypes.c_size_t
        self.check(self.lib.dlc_context_create(self.module, ctypes.byref(options), ctypes.byref(self.context)))
        self.inputs, self.outputs = self.values("input"), self.values("output")

    def check(self, status):
        if status:
            raise Broken(self.lib.dlc_last_error().decode(errors="replace"))

    def values(self, kind):
        """[(name, dtype, rank)] of inputs or outputs."""
        found = []
        for k in range(getattr(self.lib, f"dlc_module_{kind}_count")(self.module)):
            info = ValueInfo()
            self.check(getattr(self.lib, f"dlc_module_{kind}")(self.module, ctypes.c_size_t(k), ctypes.byref(info)))
            found.append((info.name.decode(), DTYPES[info.dtype], info.rank))
        return found

    def empty_outputs(self, given):
        """Arrays for the outputs of these inputs."""
        count = self.lib.dlc_module_symbol_count(self.module)
        dims = (Dim * max(1, count))()
        self.check(self.lib.dlc_module_bind(self.module, given, ctypes.c_size_t(len(self.inputs)), dims))
        arrays = {}
        for k, (name, dtype, rank) in enumerate(self.outputs):
            shape = (ctypes.c_int64 * max(1, rank))()
            self.check(self.lib.dlc_module_output_shape(self.module, ctypes.c_size_t(k), dims, ctypes.c_size_t(count), shape))
            arrays[name] = np.empty(tuple(shape[:rank]), dtype)
        return arrays

    def __call__(self, inputs):
        kept = [np.ascontiguousarray(inputs[name]) for name, _, _ in self.inputs]
        kept = [x.reshape(np.shape(inputs[name])) for x, (name, _, _) in zip(kept, self.inputs)]
        made = [tensor(x) for x in kept]
        given = (Tensor * max(1, len(made)))(*made)
        arrays = self.empty_outputs(given)
        wanted = [tensor(x) for x in arrays.values()]
        taken = (Tensor * max(1, len(wanted)))(*wanted)
        self.check(self.lib.dlc_context_run(self.context, given, ctypes.c_size_t(len(made)), taken,
                                            ctypes.c_size_t(len(wanted))))
        self.check_findings()
        return arrays

    def check_findings(self):
        """What the virtual GPU found wrong is an error, too."""
        if not self.virtual or not self.virtual.vcudaFindingCount():
            return
        text = ctypes.create_string_buffer(1 << 16)
        self.virtual.vcudaFindings(text, ctypes.c_size_t(len(text)))
        raise Broken(f"the virtual GPU has findings\n{text.value.decode(errors='replace')}")

    def device(self):
        """The name of the device; a virtual one says so."""
        info = DeviceInfo()
        self.check(self.lib.dlc_context_device(self.context, ctypes.byref(info)))
        name = info.name.decode()
        return f"the virtual GPU ({name})" if self.virtual else name

    def close(self):
        self.lib.dlc_context_destroy(self.context)
        if not self.shares:
            self.lib.dlc_module_release(self.module)
