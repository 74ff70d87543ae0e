"""PP-OCR's direction classifier: is this line of text upside down?

The pictures are drawn here with Debian's DejaVu font. As the model wants them: 48 pixels high, at most 192 wide, colours
in [-1, 1], zeros to the right of the text.
"""
import pathlib

import models
import numpy as np
from PIL import Image, ImageDraw, ImageFont

MODEL = "ppocr_cls"
TITLE = "is this line of text upside down?"
FONTS = pathlib.Path("/usr/share/fonts/truetype/dejavu")
HEIGHT, WIDTH = 48, 192
LINES = [("Compilers at work", "DejaVuSans.ttf"), ("Lisbon 2026, Gate 14", "DejaVuSans-Bold.ttf"),
         ("total: 42.50 EUR", "DejaVuSansMono.ttf")]


def draw(text, font, upside_down):
    """The model's input for one line of text: float32 [3, 48, 192]."""
    face = ImageFont.truetype(str(FONTS / font), 30)
    left, top, right, bottom = face.getbbox(text)
    picture = Image.new("RGB", (right - left + 12, bottom - top + 12), "white")
    ImageDraw.Draw(picture).text((6 - left, 6 - top), text, font=face, fill="black")
    if upside_down:
        picture = picture.rotate(180)
    width = min(WIDTH, -(-HEIGHT * picture.width // picture.height))
    pixels = np.asarray(picture.resize((width, HEIGHT), Image.Resampling.BILINEAR), np.float32)
    out = np.zeros((3, HEIGHT, WIDTH), np.float32)
    out[:, :, :width] = pixels.transpose(2, 0, 1) / 127.5 - 1
    return out


class Demo:
    def __init__(self):
        self.model = models.get(MODEL)

    def answer(self, run):
        """Run the model; [(line to print, is it right)]."""
        cases = [(text, font, turned) for text, font in LINES for turned in (False, True)]
        (out,) = run({"x": np.stack([draw(*case) for case in cases])}).values()
        return [(f"{text:24} drawn {'upside down' if turned else 'upright    '}: "
                 f"{'upside down' if p[1] > p[0] else 'upright'} {p.max():4.0%}", bool(p[1] > p[0]) == turned)
                for (text, _, turned), p in zip(cases, out)]
