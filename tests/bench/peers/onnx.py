"""A peer of `bench models`: ONNX Runtime on the CPU.

    python onnx.py MODEL.onnx THREADS BATCH CHANNELS HEIGHT WIDTH

For every line on standard input that says how many runs are wanted, prints a line with the seconds that they took. Its
inputs are random; only the first output is asked for, as rembg does.
"""

import sys
import time

import numpy
import onnxruntime

path, threads, *shape = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
inputs = {session.get_inputs()[0].name: numpy.random.rand(*map(int, shape)).astype(numpy.float32)}
outputs = [session.get_outputs()[0].name]
session.run(outputs, inputs)
print(f"ONNX Runtime {onnxruntime.__version__}", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    for _ in range(int(line)):
        session.run(outputs, inputs)
    print(time.perf_counter() - start, flush=True)
