"""Models of a few weights that take green for a person, each putting it out in another way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, parser

from tools.contracts import Box, Face, RGBImage

SIDE = 64

PUT_OUT = {
    "alpha": ("float[1, 1, h, w] matte", "matte = Clip (green, zero, one)"),
    "logits": ("float[1, 1, h, w] matte", "centred = Sub (green, half)\n    matte = Mul (centred, forty)"),
    "relative": ("float[1, 1, h, w] matte", "less = Mul (green, half)\n    matte = Add (less, forty)"),
    "classes": (
        "float[1, 3, h, w] maps",
        "other = Sub (one, green)\n    both = Concat <axis = 1> (other, green, zeros)\n    maps = Mul (both, forty)",
    ),
}


def save_matting(file: Path, kind: str = "alpha", side: int | None = SIDE, channels: str = "rgb") -> Path:
    """``side`` of None takes pictures of any size. Pixels are expected from 0 to 1."""
    size = f"{side}, {side}" if side else "h, w"
    put_out, how = PUT_OUT[kind]
    weight = {"rgb": [-0.5, 1, -0.5], "bgr": [-0.5, 1, -0.5], "red": [1, -0.5, -0.5]}[channels]
    text = f"""<ir_version: 8, opset_import: ["" : 13]> matting (float[1, 3, {size}] pixels) => ({put_out}) {{
    green = Conv (pixels, green_less_others)
    zeros = Mul (green, zero)
    {how}
}}"""
    model = parser.parse_model(text)
    numbers = {"zero": 0, "one": 1, "half": 0.5, "forty": 40}
    weights = {name: np.float32(value) for name, value in numbers.items()}
    weights["green_less_others"] = np.array(weight, np.float32).reshape(1, 3, 1, 1)
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items())
    onnx.save(model, file)
    return file


def photo(*people: Box, size: tuple[int, int] = (320, 240)) -> RGBImage:
    """Grey, with green people."""
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    for x, y, width, height in people:
        image[int(y) : int(y + height), int(x) : int(x + width)] = (0, 255, 0)
    return image


def face_at(box: Box) -> Face:
    return Face(box, 1.0, {}, np.zeros(4, np.float32))
