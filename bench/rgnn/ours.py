"""A model compiled by pigeonc in this process: object, shared library with libpigeon, called through its C record by ctypes."""
import ctypes
import math
import mmap
import os
import subprocess
import time

import numpy as np

C = ctypes


class Symbol(C.Structure):
    _fields_ = [("name", C.c_char_p), ("kind", C.c_uint8), ("fixed", C.c_int64)]


class Argument(C.Structure):
    _fields_ = [("name", C.c_char_p), ("dtype", C.c_uint8), ("rank", C.c_uint8), ("structural", C.c_uint8), ("frozen", C.c_uint8),
                ("buffer", C.c_int32), ("is_map", C.c_int32), ("symbol", C.c_int16 * 8), ("init", C.c_char_p), ("init_arg", C.c_double * 4),
                ("n_init_arg", C.c_int32)]


class Model(C.Structure):
    _fields_ = [("abi", C.c_uint32), ("name", C.c_char_p), ("source", C.c_char_p), ("n_symbol", C.c_int32), ("n_buffer", C.c_int32),
                ("n_graph", C.c_int32), ("n_input", C.c_int32), ("n_param", C.c_int32), ("n_output", C.c_int32), ("symbol", C.POINTER(Symbol)),
                ("buffer", C.c_void_p), ("graph", C.c_void_p), ("input", C.POINTER(Argument)), ("param", C.POINTER(Argument)),
                ("output", C.POINTER(Argument)), ("extent", C.CFUNCTYPE(C.c_int64, C.POINTER(C.c_int64), C.c_int, C.c_int, C.c_int))]


class View(C.Structure):
    _fields_ = [(f, C.c_int64) for f in ("src_nodes", "dst_nodes", "edges", "ntypes", "etypes")] + [(f, C.c_void_p) for f in ("src", "dst", "etype", "ntype")]


class Error(C.Structure):
    _fields_ = [("status", C.c_int), ("message", C.c_char * 480)]


class Options(C.Structure):
    _fields_ = [("threads", C.c_int), ("alloc", C.c_void_p), ("free", C.c_void_p), ("user", C.c_void_p), ("parallel_for", C.c_void_p)]


def untouched(n, dtype):
    """memory straight from the system, so that who touches it first takes it"""
    return np.frombuffer(mmap.mmap(-1, max(1, n * np.dtype(dtype).itemsize)), dtype=dtype, count=n)


class Compiled:
    """compile_s, bind_s and workspace are seconds and bytes; call(inputs, params) gives the list of outputs."""

    def __init__(self, build, folder, source, model, dims, graph, threads, extra=(), symbol=None):
        tag = "%s_%s" % (model, "_".join("%s%d" % d for d in sorted(dims.items())) + "".join(c for e in extra for c in os.path.basename(e) if c.isalnum()))
        obj, lib = os.path.join(folder, tag + ".o"), os.path.join(folder, tag + ".so")
        start = time.perf_counter()
        subprocess.run([os.path.join(build, "pigeonc"), source, "--model", model, "--target=cpu:native", "-o", obj, *extra] +
                       [w for k, v in dims.items() for w in ("-D", "%s=%d" % (k, v))], check=True)
        self.compile_s = time.perf_counter() - start
        archive = [p for p in (os.path.join(build, "libpigeon.a"), os.path.join(build, ".libs", "libpigeon.a")) if os.path.exists(p)][0]
        subprocess.run(["cc", "-shared", "-o", lib, obj, "-Wl,--whole-archive", archive, "-Wl,--no-whole-archive", "-llapack", "-lz", "-lpthread", "-lm"], check=True)
        self.lib = C.CDLL(lib)
        self.model = Model.in_dll(self.lib, (symbol or model) + "_model")
        for f in ("pgn_model_plan", "pgn_model_forward"):
            getattr(self.lib, f).restype = C.c_int
        self.lib.pgn_plan_workspace_size.restype = C.c_size_t
        self.lib.pgn_plan_sizes.restype = C.POINTER(C.c_int64)
        self.keep = [np.ascontiguousarray(graph[k], dtype=np.int32) for k in ("src", "dst", "etype", "ntype")]
        n, m = int(graph["nodes"]), len(self.keep[0])
        view = View(n, n, m, int(graph["ntypes"]), int(graph["etypes"]), *[a.ctypes.data for a in self.keep])
        sizes = (C.c_int64 * max(1, self.model.n_symbol))(*[dims.get(self.model.symbol[k].name.decode(), -1) for k in range(self.model.n_symbol)])
        options, self.plan, error = Options(threads), C.c_void_p(), Error()
        structural = (C.c_void_p * 64)()
        self.bind_s = math.inf
        for _ in range(3):                                   # as other programs, the first time only finds its memory
            self.lib.pgn_plan_free(self.plan)
            start = time.perf_counter()
            if self.lib.pgn_model_plan(C.byref(self.model), C.byref(view), sizes, structural, C.byref(options), C.byref(self.plan), C.byref(error)):
                raise RuntimeError(error.message.decode())
            self.bind_s = min(self.bind_s, time.perf_counter() - start)
        self.variant = self.lib.pgn_plan_variant(self.plan)
        self.workspace = self.lib.pgn_plan_workspace_size(self.plan)
        self.space = untouched(self.workspace + 64, np.uint8)
        known = self.lib.pgn_plan_sizes(self.plan)
        self.outputs = []
        for k in range(self.model.n_output):
            shape = [self.model.extent(known, 3, k, a) for a in range(self.model.output[k].rank)]
            self.outputs.append(untouched(math.prod(shape), np.float32).reshape(shape))

    def names(self, what):
        return [getattr(self.model, what)[k].name.decode() for k in range(getattr(self.model, "n_" + what))]

    def bind_arrays(self, arrays):
        """arrays: name -> contiguous f32 numpy array"""
        def pointers(names):
            return (C.c_void_p * max(1, len(names)))(*[arrays[n].ctypes.data for n in names])
        self.arrays = arrays
        self.args = (pointers(self.names("input")), pointers(self.names("param")), (C.c_void_p * len(self.outputs))(*[o.ctypes.data for o in self.outputs]))

    def __call__(self):
        error = Error()
        if self.lib.pgn_model_forward(self.plan, self.args[0], self.args[1], self.args[2], self.space.ctypes.data_as(C.c_void_p), None, C.byref(error)):
            raise RuntimeError(error.message.decode())
        return self.outputs
