"""Pieces of speech models, written the way exporters write them. Each returns (Net, ranges of dims, sizes)."""
import numpy as np
from net import FLOAT, Net

SOUNDS = {"batch": (1, 4), "frames": (16, 2000)}
SOUND_SIZES = [{"batch": 1, "frames": 100}, {"batch": 3, "frames": 37}]


def conformer_convolution():
    """Norm, gated pointwise convolution, depthwise convolution over time, batch norm, swish, residual."""
    n, width = Net(opset=17), 48
    x = n.input("x", ["batch", "frames", width])
    y = n.node("LayerNormalization", x, n.gains(width), n.weights(width, fan=4), axis=-1)
    y = n.conv(n.transpose(y, 0, 2, 1), width, 2 * width, (1,))
    left, right = n.node("Split", y, n.ints(width, width), outputs=2, axis=1)
    y = n.node("Mul", left, n.node("Sigmoid", right))
    y = n.conv(y, width, width, (15,), groups=width, pads=[7, 7])
    y = n.node("BatchNormalization", y, n.gains(width), n.weights(width, fan=4), n.weights(width, fan=4), n.gains(width))
    y = n.conv(n.node("Mul", y, n.node("Sigmoid", y)), width, width, (1,))
    n.output(n.node("Add", x, n.transpose(y, 0, 2, 1)), 3)
    return n, SOUNDS, SOUND_SIZES


def wave_encoder():
    """wav2vec: strided convolutions on the samples, a norm per channel over time, GELU; a grouped position convolution."""
    n = Net(opset=17)
    samples = n.input("samples", ["batch", "samples"])
    y = n.conv(n.unsqueeze(samples, 1), 1, 24, (10,), strides=[5])
    y = n.node("InstanceNormalization", y, n.gains(24), n.weights(24, fan=4))
    for _ in range(2):
        erf = n.node("Erf", n.node("Mul", y, n.scalar(2 ** -0.5)))
        y = n.node("Mul", y, n.node("Mul", n.scalar(0.5), n.node("Add", n.scalar(1.0), erf)))
        y = n.conv(y, 24, 24, (3,), strides=[2])
    places = n.conv(y, 24, 24, (8,), groups=4, pads=[4, 4])
    places = n.node("Slice", places, n.ints(0), n.ints(-1), n.ints(2))
    n.output(n.transpose(n.node("Add", y, n.node("Tanh", places)), 0, 2, 1), 3)
    return n, {"batch": (1, 4), "samples": (200, 16000)}, [{"batch": 1, "samples": 400}, {"batch": 2, "samples": 1333}]


def mel_spectrogram():
    """A spectrum by two convolutions with fixed filters over a reflected signal, mel bands, decibels, normalised."""
    n, window, hop, bands = Net(opset=16), 64, 16, 20
    samples = n.input("samples", ["batch", "samples"])
    y = n.node("Pad", n.unsqueeze(samples, 1), n.ints(0, 0, window // 2, 0, 0, window // 2), mode="reflect")
    turn = 2 * np.pi * np.outer(np.arange(window // 2 + 1), np.arange(window)) / window
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    power = [n.node("Pow", n.node("Conv", y, n.constant((f(turn) * hann)[:, None].astype(np.float32)), strides=[hop]), n.scalar(2.0))
             for f in (np.cos, np.sin)]
    y = n.node("MatMul", n.constant(np.abs(np.random.default_rng(0).standard_normal((bands, 33))).astype(np.float32)),
               n.node("Add", *power))
    y = n.node("Div", n.node("Log", n.node("Clip", y, n.scalar(1e-10))), n.scalar(np.log(10.0)))
    y = n.node("Max", y, n.node("Sub", n.node("ReduceMax", y, keepdims=1), n.scalar(8.0)))
    n.output(n.node("Div", n.node("Add", y, n.scalar(4.0)), n.scalar(4.0)), 3)
    return n, {"batch": (1, 4), "samples": (64, 16000)}, [{"batch": 1, "samples": 333}, {"batch": 2, "samples": 1000}]


def short_time_spectrum():
    """A spectrum by STFT under a Hann window, mel bands from MelWeightMatrix, logarithms; the complex spectrum, too."""
    n, window, hop, bands = Net(opset=17), 64, 16, 20
    samples = n.input("samples", ["batch", "samples"])
    y = n.node("Pad", samples, n.ints(0, window // 2, 0, window // 2), mode="reflect")
    hann = n.node("HannWindow", n.index(window), output_datatype=FLOAT)
    spectrum = n.node("STFT", n.unsqueeze(y, 2), n.index(hop), hann, n.index(window))
    power = n.node("ReduceSum", n.node("Mul", spectrum, spectrum), n.ints(-1), keepdims=0)
    mel = n.node("MelWeightMatrix", n.index(bands), n.index(window), n.index(16000), n.scalar(20.0), n.scalar(7600.0))
    n.output(n.node("Log", n.node("Add", n.node("MatMul", power, mel), n.scalar(1.0))), 3)
    n.output(spectrum, 4)
    return n, {"batch": (1, 4), "samples": (64, 16000)}, [{"batch": 1, "samples": 333}, {"batch": 2, "samples": 1000}]


def fourier_mixing():
    """FNet: the real part of Fourier transforms over features and over time, whose length is symbolic; and back again."""
    n, width = Net(opset=20), 32 # onnxruntime is exact enough at powers of two only
    x = n.input("x", ["batch", "frames", width])
    y = n.node("DFT", n.unsqueeze(x, 3), "", n.index(2))
    y = n.node("DFT", y, "", n.index(1))
    back = n.node("DFT", n.node("Mul", y, n.scalar(0.5)), "", n.index(-3), inverse=1)
    n.output(n.node("Squeeze", n.node("Slice", y, n.ints(0), n.ints(1), n.ints(3)), n.ints(3)), 3)
    n.output(back, 4)
    n.output(n.node("DFT", n.unsqueeze(x, 3), n.index(64), n.index(2), onesided=1), 4)
    return n, SOUNDS, [{"batch": 1, "frames": 128}, {"batch": 3, "frames": 16}]


def state_space():
    """A diagonal recurrence as a cumulative sum in the log domain, gated; a causal convolution before it."""
    n, width = Net(opset=14), 24
    x = n.input("x", ["batch", "frames", width])
    y = n.conv(n.transpose(x, 0, 2, 1), width, width, (4,), groups=width, pads=[3, 3])
    length, = n.shape(x, 1)
    y = n.transpose(n.node("Slice", y, n.ints(0), length, n.ints(2)), 0, 2, 1)
    y = n.node("Mul", y, n.node("Sigmoid", y))
    step = n.node("Softplus", n.linear(y, width, width))
    decay = n.node("CumSum", n.node("Mul", step, n.scalar(-0.01)), n.index(1))
    summed = n.node("CumSum", n.node("Div", n.node("Mul", step, y), n.node("Exp", decay)), n.index(1))
    state = n.node("Mul", n.node("Exp", decay), summed)
    n.output(n.node("Mul", state, n.node("Sigmoid", n.linear(x, width, width))), 3)
    return n, SOUNDS, SOUND_SIZES


def time_pooling():
    """Speaker embedding: attention over time, weighted mean and deviation, a linear layer, length one."""
    n, width = Net(opset=13), 40
    x = n.input("x", ["batch", width, "frames"])
    y = n.node("Relu", n.conv(x, width, width, (3,), dilations=[2], pads=[2, 2]))
    share = n.node("Softmax", n.conv(n.node("Tanh", n.conv(y, width, 16, (1,))), 16, width, (1,)), axis=2)
    centre = n.node("ReduceSum", n.node("Mul", share, y), n.ints(2), keepdims=0)
    square = n.node("ReduceSum", n.node("Mul", share, n.node("Mul", y, y)), n.ints(2), keepdims=0)
    spread = n.node("Sqrt", n.node("Clip", n.node("Sub", square, n.node("Mul", centre, centre)), n.scalar(1e-4)))
    y = n.node("Gemm", n.node("Concat", centre, spread, axis=1), n.weights(2 * width, 32), n.weights(32, fan=4))
    n.output(n.node("LpNormalization", y, axis=1, p=2), 2)
    return n, SOUNDS, SOUND_SIZES


def pieces():
    return {f.__name__: f for f in (conformer_convolution, wave_encoder, mel_spectrogram, short_time_spectrum, fourier_mixing,
                                    state_space, time_pooling)}
