"""The reference photo in: any common image file becomes one plain PNG, or one sentence that says what is wrong."""

from __future__ import annotations

import logging
import threading
import warnings
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_FILE = 50_000_000
"""Bytes."""
LONGEST_SIDE = 16_384
"""Pixels."""
MOST_PIXELS = 120_000_000
KEPT_SIDE = 4096
"""A photo with a longer side is scaled down to this many pixels; no face needs more."""

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF")
_CAN_MOVE = ("GIF", "WEBP", "PNG", "AVIF")

# Where chat services keep attachments on machines of their own; a model may pass such a path on as if it were ours.
CHAT_FOLDERS = ("/mnt/data", "/mnt/user-data", "/home/claude", "/home/oai", "sandbox:", "attachment:")

# One photo at a time: memory stays bounded, and the warning filter set below is the whole process's.
_decoding = threading.Lock()


def read_photo(path: Path) -> bytes:
    """The photo in a file, as ``open_photo`` gives it. Raises ``InputError`` for whatever is wrong with the file."""
    return open_photo(_file_bytes(path), str(path))


@lru_cache(maxsize=1)  # a call opens its photo for the consent, and again for the job
def open_photo(data: bytes, name: str, longest: int = KEPT_SIDE) -> bytes:
    """A photo as PNG: sRGB, upright, alpha over white, no metadata, at most ``longest`` pixels long.

    The same data gives the same bytes. ``name`` is what messages call it. Raises ``InputError``.
    """
    name = shown(name)
    if not data:
        raise InputError(f"{name} is empty (0 bytes); give a JPEG, PNG, WebP or HEIC photo.")
    _check_bytes(len(data), name)
    with _decoding, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files say nothing to the sender of a photo
        image = _opened(data, name)
        try:
            plain = _plain(image, longest)
        except Exception:  # on damaged bytes a decoder may raise anything
            raise InputError(f"{name} is damaged or cut short; copy or download it again.") from None
    out = BytesIO()
    plain.save(out, "PNG", compress_level=1)  # ten times as fast as the default on a phone's photo
    return out.getvalue()


def _file_bytes(path: Path) -> bytes:
    name = shown(str(path))
    try:
        path = path.expanduser()
        if path.is_dir():
            raise InputError(f"{name} is a folder; give the path of one photo.")
        size = path.stat().st_size
        if not path.is_file():
            raise InputError(f"{name} is no ordinary file; give the path of a photo.")
        _check_bytes(size, name)
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(_not_found(path, name)) from None
    except PermissionError:
        raise InputError(f"{name} cannot be read: permission denied; allow reading it, or copy it elsewhere.") from None
    except (OSError, ValueError, RuntimeError):  # a path that no file can have
        raise InputError(f"{name} cannot be read; give the full path of a photo on this computer.") from None


def _not_found(path: Path, name: str) -> str:
    bare = len(path.parts) <= 1
    if bare or path.as_posix().startswith(CHAT_FOLDERS):
        return (
            f"There is no file {name} on this computer; a photo attached in a chat does not reach a local server, "
            "so give the full path of the file on this computer."
        )
    return f"There is no file {name}; check the path."


def shown(name: str) -> str:
    """A name fit for one line of a message, however long or strange."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in name)
    return plain if len(plain) <= 200 else f"{plain[:80]}…{plain[-80:]}"


def _check_bytes(size: int, name: str) -> None:
    if size > LARGEST_FILE:
        raise InputError(
            f"{name} is too large ({size / 1e6:.1f} MB); give a photo of at most {LARGEST_FILE // 10**6} MB."
        )


def _opened(data: bytes, name: str) -> Image:
    """The photo with its header read and nothing decoded yet."""
    from PIL import Image

    _prepare_pillow()
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
        width, height = image.size
        moving = image.format in _CAN_MOVE and getattr(image, "is_animated", False)
    except Image.DecompressionBombError:
        raise InputError(f"{name} has too many pixels; {_allowed()}") from None
    except Exception:  # on bytes that are no image a decoder may raise anything
        raise InputError(
            f"{name} is not an image that can be read, or is cut short; give a JPEG, PNG, WebP or HEIC photo."
        ) from None
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise InputError(f"{name} is too large ({width} x {height} pixels); {_allowed()}")
    if moving:
        raise InputError(f"{name} is animated; save one frame of it as a PNG or JPEG and give that.")
    return image


def _allowed() -> str:
    return f"give a photo of at most {LONGEST_SIDE} pixels a side and {MOST_PIXELS // 10**6} megapixels."


@cache
def _prepare_pillow() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # else its remarks go to stderr where nothing logs


def _plain(image: Image, longest: int) -> Image:
    orientation, profile = image.getexif().get(0x0112, 1), image.info.get("icc_profile")
    if image.mode in ("RGB", "CMYK", "L", "RGBA") and "transparency" not in image.info:
        _scale_down(image, longest)  # before anything copies it: a photo of 120 megapixels has half a gigabyte
    plain = _in_srgb(_turned(_on_white(_eight_bits(image)), orientation), profile)
    _scale_down(plain, longest)
    plain.info.clear()
    return plain


def _scale_down(image: Image, longest: int) -> None:
    from PIL.Image import Resampling

    image.thumbnail((longest, longest), Resampling.LANCZOS)


def _eight_bits(image: Image) -> Image:
    """Deep grey (16-bit, 32-bit, float) brought to 8 bits; Pillow itself would clip it to white."""
    if not image.mode.startswith(("I", "F")):
        return image
    top = 65535 if image.mode.startswith("I;16") else max(float(image.convert("F").getextrema()[1]), 1.0)  # type: ignore[arg-type]
    return image.convert("F").point(lambda value: value * (255 / top) + 0.5).convert("L")


def _on_white(image: Image) -> Image:
    from PIL import Image as Images

    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Images.new("RGBA", image.size, "white")
    return Images.alpha_composite(white, image).convert("RGB")


def _turned(image: Image, orientation: int) -> Image:
    """The image as EXIF's orientation (1 to 8) says it is held; not Pillow's own, which fails on other broken tags."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def _in_srgb(image: Image, profile: bytes | None) -> Image:
    """RGB as screens show it: by the photo's colour profile where it has a sound one."""
    from PIL import ImageCms

    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):  # a broken profile, or one of another colour space: viewers ignore it
            converted = None
        if converted is not None:
            return converted
    return image.convert("RGB")
