"""onnxruntime on the CPU with its graph optimisations off: the independent reference."""
import numpy as np
import onnxruntime as ort


class Oracle:
    """A loaded model; call it with {input name: array} to get {output name: array}."""

    def __init__(self, path):
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.outputs = [o.name for o in self.session.get_outputs()]

    def __call__(self, inputs):
        return {name: np.asarray(x) for name, x in zip(self.outputs, self.session.run(None, inputs))}
