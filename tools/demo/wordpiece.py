"""WordPiece tokens of BERT's uncased vocabulary: lower case, no accents, longest match first."""
import unicodedata


class Tokenizer:
    """`vocabulary` is a file with one token a line; a token's id is its line."""

    def __init__(self, vocabulary):
        self.ids = {token: k for k, token in enumerate(vocabulary.read_text(encoding="utf-8").split("\n"))}

    @staticmethod
    def words(text):
        """Runs of letters and digits; every other visible character is a word of its own."""
        plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
        word = ""
        for c in plain + " ":
            if unicodedata.category(c)[0] in "LN":
                word += c
                continue
            if word:
                yield word
            word = ""
            if not c.isspace() and unicodedata.category(c)[0] != "C":
                yield c

    def pieces(self, word):
        """The longest known pieces from the left, or [UNK] when there is no such split."""
        found, begin = [], 0
        while begin < len(word):
            ends = range(len(word), begin, -1)
            piece = next((p for end in ends if (p := ("##" if begin else "") + word[begin:end]) in self.ids), None)
            if piece is None or len(word) > 100:
                return ["[UNK]"]
            found.append(piece)
            begin += len(piece) - (2 if begin else 0)
        return found

    def encode(self, text):
        tokens = ["[CLS]", *(p for w in self.words(text) for p in self.pieces(w)), "[SEP]"]
        return [self.ids[t] for t in tokens]
