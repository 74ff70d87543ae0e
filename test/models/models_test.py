"""The model folder itself: every graph is there and runs, trained weights give the answer of their authors."""
import unittest

import models
import numpy as np
from oracle import Oracle
from programs import skip


class Folder(unittest.TestCase):
    def test_rows_and_graphs_match(self):
        graphs = {f.stem for f in models.HERE.glob("*.onnx")}
        self.assertEqual(graphs, set(models.manifest()))

    def test_folder_stays_small(self):
        self.assertLessEqual(sum(f.stat().st_size for f in models.HERE.iterdir() if f.is_file()), 9e6)


class Answers(unittest.TestCase):
    def test_trained_models_run_in_each_size(self):
        for name in models.TRAINED:
            model = models.get(name)
            oracle = Oracle(model.path)
            for size in model.sizes:
                dims = model.dims(size)
                answer = oracle({**model.make_inputs(dims), **model.baked_inputs()})
                for output in answer.values():
                    self.assertTrue(np.isfinite(output).all())
                    self.assertIn(next(iter(dims.values())), output.shape)

    def test_minilm_gives_the_golden_embeddings(self):
        inputs, golden = models.golden()
        answer = Oracle(models.get("minilm").path)(inputs)["sentence_embedding"]
        self.assertLessEqual(np.max(np.abs(answer - golden)), 1e-5)

    def test_seeded_values_never_change(self):
        model = models.get("llama_small_decode")
        made = model.make_inputs(model.dims())
        self.assertEqual(made["input_ids"].tolist(), model.make_inputs(model.dims())["input_ids"].tolist())
        answer = Oracle(model.path)(made)["logits"]
        self.assertTrue(np.isfinite(answer).all() and answer.std() > 0)


if __name__ == "__main__":
    try:
        for each in models.TRAINED:
            models.get(each)
        models.get("minilm")
    except models.Missing as e:
        skip(e)
    unittest.main()
