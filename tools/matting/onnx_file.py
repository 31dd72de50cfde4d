"""A portrait segmentation or matting model of one's own, in an ONNX file, described by options.

What common models want, as their authors publish them (none was run here but stand-ins):

- MODNet: size [512, 512], mean and std [0.5, 0.5, 0.5].
- U2Net, IS-Net and others that are shown relatively: size [320, 320] or [1024, 1024], kind "relative".
- BiRefNet: size [1024, 1024], kind "logits".
- A segmentation net such as HRNet or DeepLab: kind "classes", with the number of the class that is a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import CutOut, Face, RGBImage
from tools.errors import InputError
from tools.insight import best_providers
from tools.matting.matte import Matte, cut_person
from tools.paths import full_path

Colour = tuple[float, float, float]

Kind = Literal["alpha", "logits", "relative", "classes"]
"""What the model puts out: shares of 0 to 1; what a sigmoid makes shares of; values whose least and greatest stand for
0 and 1; or one map a class, or a map of the numbers of classes."""


@dataclass(frozen=True)
class OnnxMatting:
    """``size`` is the width and height that the model sees; ``mean`` and ``std`` belong to pixels of 0 to 1."""

    session: Any
    name: str
    size: tuple[int, int]
    mean: Colour
    std: Colour
    kind: Kind
    person: int
    channels: Literal["rgb", "bgr"]
    layout: Literal["nchw", "nhwc"]
    fit: Literal["stretch", "pad"]
    output: str

    def remove(self, image: RGBImage, face: Face) -> CutOut:
        """Cut out the person whose face is ``face``."""
        return cut_person(image, self._matte(image), face, self.name)

    def _matte(self, image: RGBImage) -> Matte:
        height, width = image.shape[:2]
        seen_width, seen_height = self._seen(width, height)
        seen = cv2.resize(image, (seen_width, seen_height), interpolation=cv2.INTER_AREA)
        canvas = np.zeros((self.size[1], self.size[0], 3), np.float32)
        canvas[:seen_height, :seen_width] = (seen / 255.0 - self.mean) / self.std
        pixels = canvas[..., ::-1] if self.channels == "bgr" else canvas
        given = pixels[np.newaxis] if self.layout == "nhwc" else pixels.transpose(2, 0, 1)[np.newaxis]
        (put_out,) = self.session.run([self.output], {self.session.get_inputs()[0].name: np.ascontiguousarray(given)})
        share = self._share(np.asarray(put_out))
        down, across = share.shape[0] / self.size[1], share.shape[1] / self.size[0]
        share = share[: round(seen_height * down), : round(seen_width * across)]
        return np.clip(cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1).astype(np.float32)

    def _seen(self, width: int, height: int) -> tuple[int, int]:
        """The size of the photo within what the model sees."""
        if self.fit == "stretch":
            return self.size
        scale = min(self.size[0] / width, self.size[1] / height)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def _share(self, put_out: NDArray[np.generic]) -> NDArray[np.float32]:
        """How much of each pixel is a person, shape (height, width) as the model puts it out."""
        maps = put_out[0] if put_out.ndim == 4 else put_out
        if self.layout == "nhwc" and put_out.ndim == 4:
            maps = maps.transpose(2, 0, 1)
        if maps.ndim == 2:
            maps = maps[np.newaxis]
        if maps.ndim != 3 or (self.kind != "classes" and len(maps) != 1):
            raise InputError(
                f"The output {self.output} of {self.name} has the shape {list(put_out.shape)} and is no {self.kind} of "
                "one picture; name another output or kind in matting_options."
            )
        values = maps.astype(np.float32)
        match self.kind:
            case "classes":
                return self._of_class(values)
            case "logits":
                return np.asarray(1 / (1 + np.exp(-values[0])), np.float32)
            case "relative":
                least, greatest = float(values.min()), float(values.max())
                return np.asarray((values[0] - least) / max(greatest - least, 1e-6), np.float32)
            case "alpha":
                return np.asarray(values[0], np.float32)

    def _of_class(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(maps) == 1:
            return np.asarray(maps[0].round() == self.person, np.float32)
        if self.person >= len(maps):
            raise InputError(
                f"{self.name} knows {len(maps)} classes, so a person cannot be number {self.person}; set person to a "
                f"number of 0 to {len(maps) - 1} in matting_options."
            )
        shares = np.exp(maps - maps.max(axis=0))
        return np.asarray(shares[self.person] / shares.sum(axis=0), np.float32)


def onnx_matting(
    file: str = "",
    size: tuple[int, int] | None = None,
    mean: Colour = (0.485, 0.456, 0.406),
    std: Colour = (0.229, 0.224, 0.225),
    kind: Kind = "alpha",
    person: int = 1,
    channels: Literal["rgb", "bgr"] = "rgb",
    layout: Literal["nchw", "nhwc"] = "nchw",
    fit: Literal["stretch", "pad"] = "stretch",
    output: str | None = None,
) -> OnnxMatting:
    """The backend; ``InputError`` for a file or a description that cannot be used.

    ``size`` may be left out where the file fixes it, ``output`` where the first is meant. ``person`` is for classes.
    """
    session, path = _opened(file)
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise InputError(f"{path.name} takes {len(inputs)} inputs, and not one picture; choose another model.")
    outputs = [put_out.name for put_out in session.get_outputs()]
    if output is not None and output not in outputs:
        raise InputError(f"{path.name} has no output {output!r}; choose one of: {', '.join(outputs)}.")
    seen = _size(inputs[0].shape, layout, size, path.name)
    return OnnxMatting(session, path.name, seen, mean, std, kind, person, channels, layout, fit, output or outputs[0])


def _opened(file: str) -> tuple[Any, Path]:
    path = full_path(file)
    if not file or not path.is_file():
        raise InputError(
            f"There is no ONNX file {file!r} to cut people out with; name one, as in matting_options = "
            '{ file = "modnet.onnx", size = [512, 512] }.'
        )
    providers = best_providers()
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(path, providers=providers), path
    except Exception as error:  # its errors share no class of their own
        raise InputError(f"{path} is no ONNX model that can be run here ({error}); choose another file.") from error


def _size(
    shape: list[int | str | None], layout: Literal["nchw", "nhwc"], asked: tuple[int, int] | None, name: str
) -> tuple[int, int]:
    """Width and height that the model sees."""
    channels, height, width = (shape[1], shape[2], shape[3]) if layout == "nchw" else (shape[3], shape[1], shape[2])
    if isinstance(channels, int) and channels != 3:
        raise InputError(f"{name} takes {channels} channels where {layout} has colours; set layout to the other.")
    fixed = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    if asked is None and fixed is None:
        raise InputError(f"{name} takes pictures of any size; say in matting_options which it was trained on, as size.")
    if asked is not None and fixed is not None and asked != fixed:
        raise InputError(f"{name} takes pictures of {fixed[0]}x{fixed[1]}, not {asked[0]}x{asked[1]}; leave size out.")
    return asked or fixed or (0, 0)
