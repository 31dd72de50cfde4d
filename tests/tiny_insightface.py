"""Stand-ins for the ONNX files of insightface's packs and of OpenCV's face models: their shapes, and a few weights.

They see faces as ``draw_face`` paints them: green squares, whose texture is the person, whose red is the yaw, whose
blue is the roll, and whose darker green is a man's. As with real detectors, a face is missed where it is larger than
440 pixels of the picture that the network sees, or where it touches the edge of that picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from insightface.data import get_object
from insightface.utils.face_align import arcface_dst
from numpy.typing import NDArray
from onnx import numpy_helper, parser

from tools.contracts import Box, RGBImage
from tools.first_frame.hyperlora.conditioning import OUTLINE

WOMAN, MAN = 255, 230

FIVE_POINTS: NDArray[np.float32] = arcface_dst / 112
"""Where eyes, nose and corners of the mouth lie in the box of a face: where alignment to 112x112 has them."""


def plain_photo(width: int = 400, height: int = 300, seed: int = 0) -> RGBImage:
    """Grey noise, in which nobody is seen."""
    grey = np.random.default_rng(seed).integers(60, 200, (height, width, 1), dtype=np.uint8)
    return np.repeat(grey, 3, axis=2)


def draw_face(
    image: RGBImage, box: Box, person: int = 0, yaw: float = 0.0, roll: float = 0.0, green: int = WOMAN
) -> RGBImage:
    """The picture with a face in it; ``yaw`` and ``roll`` within 30 degrees, ``green`` from 180 (faint) to 255."""
    x, y, width, height = (round(side) for side in box)
    texture = np.random.default_rng(person).choice([-20.0, 20.0], (4, 4, 2))
    # Turned by half a turn it is its own negative, so that the mean stays what the pose makes it.
    texture = (texture - texture[::-1, ::-1]) / 2
    tall, wide = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    face = np.empty((height, width, 3))
    face[..., 1] = green
    face[..., [0, 2]] = 50 + np.array([yaw, roll]) + texture[tall][:, wide]
    drawn = image.copy()
    there = drawn[max(y, 0) : y + height, max(x, 0) : x + width]
    there[...] = face.round()[max(-y, 0) :, max(-x, 0) :][: there.shape[0], : there.shape[1]]
    return drawn


def save_tiny_pack(folder: Path, pack: Literal["buffalo_l", "antelopev2"], sight: RGBImage | None = None) -> Path:
    """The files of the pack that Steadface reads, by their names.

    With ``sight``, of 640x640 pixels, the detector sees the faces of that picture in whatever it is shown: what models
    of random weights paint shows none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "buffalo_l": {
            "det_10g.onnx": _scrfd(sight),
            "w600k_r50.onnx": _recogniser(512, mean=127.5, scale=127.5),
            "1k3d68.onnx": _landmarks_3d(),
            "genderage.onnx": _genderage(),
        },
        "antelopev2": {
            "scrfd_10g_bnkps.onnx": _scrfd(sight),
            "2d106det.onnx": _landmarks_2d(),
            "glintr100.onnx": _recogniser(512, mean=127.5, scale=127.5),
        },
    }
    for name, model in files[pack].items():
        onnx.save(model, folder / name)
    return folder


def save_tiny_opencv(folder: Path) -> Path:
    """YuNet and SFace, in one folder, which both ``STEADFACE_YUNET`` and ``STEADFACE_SFACE`` can name."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_yunet(), folder / "face_detection_yunet_2023mar.onnx")
    onnx.save(_recogniser(128, mean=0.0, scale=1.0, batch="1"), folder / "face_recognition_sface_2021dec.onnx")
    return folder


_GREEN_BOXES = """
    green = Conv (pixels, green_less_others, green_offset)
    small = AveragePool <kernel_shape = [4, 4], strides = [4, 4]> (green)
    seen = Greater (small, faintest)
    face = Cast <to = 1> (seen)
    other = Sub (one, face)
    all = Add (face, other)
    right_number = CumSum (all, across)
    left_number = CumSum <reverse = 1> (all, across)
    down_number = CumSum (all, down)
    up_number = CumSum <reverse = 1> (all, down)
    left_others = Mul (right_number, other)
    right_others = Mul (left_number, other)
    top_others = Mul (down_number, other)
    bottom_others = Mul (up_number, other)
    left_edge = MaxPool <kernel_shape = [1, 256], pads = [0, 255, 0, 0]> (left_others)
    right_edge = MaxPool <kernel_shape = [1, 256], pads = [0, 0, 0, 255]> (right_others)
    top_edge = MaxPool <kernel_shape = [256, 1], pads = [255, 0, 0, 0]> (top_others)
    bottom_edge = MaxPool <kernel_shape = [256, 1], pads = [0, 0, 255, 0]> (bottom_others)
    nearest_two = Min (left_edge, right_edge)
    other_two = Min (top_edge, bottom_edge)
    nearest = Min (nearest_two, other_two)
    inside = Clip (nearest, zero, one)
    to_left = Sub (right_number, left_edge)
    to_right = Sub (left_number, right_edge)
    to_top = Sub (down_number, top_edge)
    to_bottom = Sub (up_number, bottom_edge)
    runs = Concat <axis = 1> (to_left, to_top, to_right, to_bottom)
    width = Add (to_left, to_right)
    height = Add (to_top, to_bottom)
    longer = Max (width, height)
    room = Sub (largest, longer)
    fits = Clip (room, zero, one)
    brighter = Mul (small, gain)
    bright = Clip (brighter, zero, one)
    of_faces = Mul (bright, face)
    of_whole = Mul (of_faces, inside)
    sure = Mul (of_whole, fits)
    score_8 = MaxPool <kernel_shape = [1, 1], strides = [2, 2]> (sure)
    runs_8 = MaxPool <kernel_shape = [1, 1], strides = [2, 2]> (runs)
    edges_8 = Conv (runs_8, to_edges, edges_offset)
    points_8 = Conv (edges_8, to_points)
"""
"""For each cell of 8x8 pixels: whether it is of a face, and in units of 8 pixels how far its edges and points are.

A run of green is measured on a grid of 4 pixels by the greatest number of a cell that is not green, up to here.
"""


def _green_weights(scale: float, mean: float, order: str) -> dict[str, NDArray[np.generic]]:
    weight = np.array([{"R": -0.5, "G": 1.0, "B": -0.5}[channel] for channel in order], np.float32)
    left, top, right, bottom = np.eye(4)
    points = [
        combination
        for x, y in FIVE_POINTS.astype(float)
        for combination in (x * (left + right) - left, y * (top + bottom) - top)
    ]
    return {
        "green_less_others": weight.reshape(1, 3, 1, 1) * np.float32(scale / 255),
        "green_offset": np.array([weight.sum() * mean / 255], np.float32),
        "faintest": np.float32(0.35),
        "gain": np.float32(1.2),
        "zero": np.float32(0),
        "one": np.float32(1),
        "largest": np.float32(440 / 4 + 2),
        "across": np.int64(3),
        "down": np.int64(2),
        "to_edges": (np.eye(4, dtype=np.float32) / 2).reshape(4, 4, 1, 1),
        "edges_offset": np.array([-0.5, -0.5, 0, 0], np.float32),
        "to_points": np.array(points, np.float32).reshape(10, 4, 1, 1),
        "nothing": np.float32(0),
    }


def _coarser(stride: int) -> str:
    """The maps of a stride at which nobody is seen."""
    fold = stride // 8
    return "".join(
        f"""
    {name}_pooled_{stride} = MaxPool <kernel_shape = [{fold}, {fold}], strides = [{fold}, {fold}]> ({name}_8)
    {name}_{stride} = Mul ({name}_pooled_{stride}, nothing)"""
        for name in ("score", "edges", "points")
    )


def _scrfd(sight: RGBImage | None) -> onnx.ModelProto:
    """Two anchors a cell, one row each; scores, edges and points, each of the strides 8, 16 and 32."""
    parts = (("score", 1), ("edges", 4), ("points", 10))
    outputs = ", ".join(f"float[n{stride}, {size}] {name}_rows_{stride}" for name, size in parts for stride in _STRIDES)
    rows = "".join(
        f"""
    {name}_twice_{stride} = Concat <axis = 1> ({name}_{stride}, {name}_{stride})
    {name}_last_{stride} = Transpose <perm = [0, 2, 3, 1]> ({name}_twice_{stride})
    {name}_rows_{stride} = Reshape ({name}_last_{stride}, rows_of_{size})"""
        for name, size in parts
        for stride in _STRIDES
    )
    weights = _green_weights(scale=128, mean=127.5, order="RGB")
    weights |= {f"rows_of_{size}": np.array([-1, size], np.int64) for _, size in parts}
    boxes = _GREEN_BOXES
    if sight is not None:
        weights["sight"] = ((sight.transpose(2, 0, 1)[np.newaxis] - 127.5) / 128).astype(np.float32)
        blind = "\n    unseen = Mul (pixels, nothing)\n    picture = Add (unseen, sight)"
        boxes = blind + boxes.replace("Conv (pixels,", "Conv (picture,")
    text = f"float[1, 3, h, w] pixels) => ({outputs}) {{{boxes}{_coarser(16)}{_coarser(32)}{rows}\n}}"
    return _model(text, weights)


def _yunet() -> onnx.ModelProto:
    """Of a fixed size, as the published file is; a box by its middle and the logarithms of its sides."""
    parts = (("cls", "score", 1), ("obj", "score", 1), ("bbox", "box", 4), ("kps", "points", 10))
    outputs = ", ".join(
        f"float[1, {(640 // stride) ** 2}, {size}] {name}_{stride}" for name, _, size in parts for stride in _STRIDES
    )
    heads = "".join(
        f"""
    middle_{stride} = Conv (edges_{stride}, to_middle)
    sides_{stride} = Conv (edges_{stride}, to_sides)
    some_sides_{stride} = Max (sides_{stride}, smallest)
    log_sides_{stride} = Log (some_sides_{stride})
    box_{stride} = Concat <axis = 1> (middle_{stride}, log_sides_{stride})"""
        + "".join(
            f"""
    {name}_last_{stride} = Transpose <perm = [0, 2, 3, 1]> ({source}_{stride})
    {name}_{stride} = Reshape ({name}_last_{stride}, rows_of_{size})"""
            for name, source, size in parts
        )
        for stride in _STRIDES
    )
    weights = _green_weights(scale=1, mean=0, order="BGR")
    weights |= {f"rows_of_{size}": np.array([1, -1, size], np.int64) for size in (1, 4, 10)}
    weights["to_middle"] = np.array([[-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]], np.float32).reshape(2, 4, 1, 1)
    weights["to_sides"] = np.array([[1, 0, 1, 0], [0, 1, 0, 1]], np.float32).reshape(2, 4, 1, 1)
    weights["smallest"] = np.float32(0.1)
    text = f"float[1, 3, 640, 640] pixels) => ({outputs}) {{{_GREEN_BOXES}{_coarser(16)}{_coarser(32)}{heads}\n}}"
    return _model(text, weights)


def _recogniser(length: int, mean: float, scale: float, batch: str = "n") -> onnx.ModelProto:
    """The texture of the aligned face, less its mean, laid out at random. The published ones declare one row, too."""
    random = np.random.default_rng(length)
    return _model(
        f"""float[{batch}, 3, 112, 112] pixels) => (float[1, {length}] embedding) {{
            tiles = AveragePool <kernel_shape = [28, 28], strides = [28, 28]> (pixels)
            mean = GlobalAveragePool (tiles)
            texture = Sub (tiles, mean)
            flat = Flatten (texture)
            embedding = Gemm (flat, weights, bias)
        }}""",
        {
            "weights": random.normal(size=(48, length)).astype(np.float32) * np.float32(scale / 20),
            "bias": random.normal(size=length).astype(np.float32) * np.float32(0.1),
        },
    )


_FACE_IN_CROP = """
    centred = Sub (pixels, nothing)
    pixel_values = Mul (centred, one)
    inner = Slice (pixel_values, starts, ends, axes)
    means = GlobalAveragePool (inner)
    colour = Flatten (means)
"""
"""The mean red, green and blue of a face in the crop that insightface makes of it, 1.5 times its box."""


def _face_in_crop(side: int) -> dict[str, NDArray[np.generic]]:
    return {
        "nothing": np.float32(0),
        "one": np.float32(1),
        "starts": np.array([side // 4] * 2, np.int64),
        "ends": np.array([side - side // 4] * 2, np.int64),
        "axes": np.array([2, 3], np.int64),
    }


def _landmarks_3d() -> onnx.ModelProto:
    """insightface's mean head, turned by the yaw and rolled by the roll that the colour says."""
    x, y, z = np.asarray(get_object("meanshape_68.pkl"), dtype=np.float64).T
    basis = np.zeros((8, 1103, 3))
    basis[0, -68:, 0], basis[1, -68:, 0], basis[5, -68:, 0] = x, z, -y
    basis[2, -68:, 1], basis[3, -68:, 1], basis[4, -68:, 1] = x, z, y
    basis[6, -68:, 2], basis[7, -68:, 2] = z, -x
    return _model(
        f"""float[n, 3, 192, 192] pixels) => (float[1, 3309] landmarks) {{{_FACE_IN_CROP}
            yaw = MatMul (colour, to_yaw)
            yaw_less = Sub (yaw, upright)
            roll = MatMul (colour, to_roll)
            roll_less = Sub (roll, upright)
            sin_yaw = Sin (yaw_less)
            cos_yaw = Cos (yaw_less)
            sin_roll = Sin (roll_less)
            cos_roll = Cos (roll_less)
            cc = Mul (cos_yaw, cos_roll)
            sc = Mul (sin_yaw, cos_roll)
            cs = Mul (cos_yaw, sin_roll)
            ss = Mul (sin_yaw, sin_roll)
            turns = Concat <axis = 1> (cc, sc, cs, ss, cos_roll, sin_roll, cos_yaw, sin_yaw)
            landmarks = MatMul (turns, basis)
        }}""",
        _face_in_crop(192)
        | {
            "to_yaw": np.radians(np.array([[1], [0], [0]], np.float32)),
            "to_roll": np.radians(np.array([[0], [0], [1]], np.float32)),
            "upright": np.radians(np.float32(50)),
            "basis": basis.reshape(8, -1).astype(np.float32),
        },
    )


def _genderage() -> onnx.ModelProto:
    """Woman, man and a hundredth of the age."""
    return _model(
        f"""float[n, 3, 96, 96] pixels) => (float[1, 3] attributes) {{{_FACE_IN_CROP}
            attributes = Gemm (colour, weights, bias)
        }}""",
        _face_in_crop(96)
        | {
            "weights": np.array([[0, 0, 0], [0.05, -0.05, 0], [0, 0, 0]], np.float32),
            "bias": np.array([-12, 12, 0.3], np.float32),
        },
    )


def _landmarks_2d() -> onnx.ModelProto:
    """An ellipse in the box, and the other landmarks in two of its corners."""
    turn = np.linspace(0, 2 * np.pi, len(OUTLINE), endpoint=False)
    points = np.full((106, 2), -2 / 3, np.float32)
    points[33] = 2 / 3
    points[list(OUTLINE)] = 2 / 3 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return _model(
        f"""float[n, 3, 192, 192] pixels) => (float[1, 212] landmarks) {{{_FACE_IN_CROP}
            landmarks = Gemm (colour, weights, bias)
        }}""",
        _face_in_crop(192) | {"weights": np.zeros((3, 212), np.float32), "bias": points.ravel()},
    )


_STRIDES = (8, 16, 32)


def _model(text: str, weights: dict[str, NDArray[np.generic]]) -> onnx.ModelProto:
    """``text`` in onnx's own language, from the type of its input on."""
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["" : 13]> standin ({text}')
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items())
    # insightface tells by these names whether a network subtracts the mean itself.
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{number}"
    onnx.checker.check_model(model)
    return model
