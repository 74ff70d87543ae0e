"""The demos' own parts, with onnxruntime in the compiler's place: features, tokens, pictures, sounds, decoding."""
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
for folder in ("tools/demo", "test/models", "test/support"):
    sys.path.insert(0, str(ROOT / folder))
import demo  # noqa: E402
import magika  # noqa: E402
import minilm  # noqa: E402
import models  # noqa: E402
import numpy as np  # noqa: E402
import ppocr_cls  # noqa: E402
import silero_vad  # noqa: E402
from oracle import Oracle  # noqa: E402
from programs import skip  # noqa: E402


class Stand:
    """onnxruntime as a Runner."""

    def __init__(self, model):
        self.model, self.session = model, Oracle(model.path)

    def __call__(self, inputs):
        return self.session({**inputs, **self.model.baked_inputs()})

    oracle = __call__


class Demos(unittest.TestCase):
    def hold(self, module):
        shown = module.Demo()
        for line, right in shown.answer(Stand(shown.model)):
            self.assertTrue(right, line)

    def test_magika(self):
        self.hold(magika)

    def test_minilm(self):
        self.hold(minilm)

    def test_ppocr(self):
        self.hold(ppocr_cls)

    def test_silero(self):
        self.hold(silero_vad)

    def test_silero_hears_the_sentence_and_nothing_else(self):
        shown = silero_vad.Demo()
        kinds = silero_vad.sounds()
        heard = silero_vad.decide(Stand(shown.model), np.stack(list(kinds.values()))) > 0.5
        self.assertEqual(heard.tolist(), [True, True, False, False, False])

    def test_every_demo_has_a_module(self):
        self.assertEqual(set(demo.NAMES), {m.MODEL for m in (magika, minilm, ppocr_cls, silero_vad)})


class Parts(unittest.TestCase):
    def test_tokens_are_those_of_the_golden_file(self):
        inputs, _ = models.golden()
        ours = minilm.encode(minilm.SENTENCES)
        self.assertEqual(set(ours), set(inputs))
        for name, theirs in inputs.items():
            self.assertEqual(ours[name].tolist(), theirs.tolist(), name)

    def test_tokens_of_odd_texts(self):
        tokenizer = minilm.Tokenizer(minilm.vocabulary())
        self.assertEqual(tokenizer.encode("Café!"), tokenizer.encode("cafe !"))
        self.assertEqual(tokenizer.encode(""), [tokenizer.ids["[CLS]"], tokenizer.ids["[SEP]"]])
        self.assertIn(tokenizer.ids["[UNK]"], tokenizer.encode("\u2603\u0e01" * 3))

    def test_features_of_a_short_file(self):
        config = {"block_size": 4096, "beg_size": 8, "end_size": 8, "padding_token": 256}
        self.assertEqual(magika.features(b"  ab \n", config), [97, 98, 32, 10] + [256] * 4 + [256] * 4 + [32, 32, 97, 98])

    def test_features_of_a_long_file(self):
        config = {"block_size": 16, "beg_size": 4, "end_size": 4, "padding_token": 256}
        self.assertEqual(magika.features(b"abcdef" + b"x" * 100 + b"uvwxyz ", config), list(b"abcd") + list(b"wxyz"))


if __name__ == "__main__":
    try:
        for each in demo.NAMES:
            models.get(each)
    except models.Missing as e:
        skip(e)
    unittest.main()
