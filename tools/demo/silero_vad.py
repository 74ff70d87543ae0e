"""silero VAD: does this sound hold speech? A sentence spoken by espeak-ng against noise, a hum and silence.

The model hears 512 new samples at 16 kHz with the 64 before them, and carries a state from window to window. What counts
as right is onnxruntime's decision on the same windows. The input sr = 16000 is baked in.
"""
import io
import subprocess
import wave

import models
import numpy as np

MODEL = "silero_vad"
TITLE = "is there speech in this sound?"
RATE, WINDOW, CONTEXT, WINDOWS = 16000, 512, 64, 20
SENTENCE = "The compiler writes kernels, and the virtual device runs them."


def speech():
    """The sentence as float32 samples at 16 kHz, resampled from espeak-ng's rate in the frequency domain."""
    said = subprocess.run(["espeak-ng", "-v", "en", "--stdout", SENTENCE], stdin=subprocess.DEVNULL,
                          capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(said)) as w:
        rate, samples = w.getframerate(), np.frombuffer(w.readframes(1 << 24), "<i2").astype(np.float64) / 32768
    count = len(samples) * RATE // rate
    spectrum = np.fft.rfft(samples)[:count // 2 + 1]
    return (np.fft.irfft(spectrum, count) * count / len(samples)).astype(np.float32)


def sounds():
    """{name: samples}, each CONTEXT + WINDOWS * WINDOW long."""
    length = CONTEXT + WINDOWS * WINDOW
    said = np.pad(speech(), (0, length))[4000:4000 + length]
    noise = np.random.default_rng(7).normal(0, 0.03, length).astype(np.float32)
    hum = (0.1 * np.sin(2 * np.pi * 100 * np.arange(length) / RATE)).astype(np.float32)
    return {"a spoken sentence": said, "the same with noise": said + noise, "noise": noise, "a hum at 100 Hz": hum,
            "silence": np.zeros(length, np.float32)}


def decide(run, signals):
    """Mean probability of speech of each signal, window after window with the state carried on."""
    state = np.zeros((2, len(signals), 128), np.float32)
    total = np.zeros(len(signals))
    for k in range(WINDOWS):
        out = run({"input": np.ascontiguousarray(signals[:, k * WINDOW:k * WINDOW + CONTEXT + WINDOW]), "state": state})
        state = out["stateN"]
        total += out["output"][:, 0]
    return total / WINDOWS


class Demo:
    def __init__(self):
        self.model = models.get(MODEL)

    def answer(self, run):
        """Run the model; [(line to print, is it right)]."""
        kinds = sounds()
        signals = np.stack(list(kinds.values()))
        ours = decide(run, signals)
        theirs = decide(run.oracle, signals)
        return [(f"{name:24} {'speech' if p > 0.5 else 'no speech'} ({p:.0%})", (p > 0.5) == (q > 0.5))
                for name, p, q in zip(kinds, ours, theirs)]
