"""The reference photo in: what works, and the one sentence for what does not."""

import random
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageFile

from agent.serving import intake
from agent.serving.intake import open_photo, read_photo
from tools.errors import InputError

pillow_heif.register_heif_opener()


def face_like(width=96, height=64):
    """Four quarters of different colour, so that every turn shows."""
    image = Image.new("RGB", (width, height))
    for box, colour in {
        (0, 0, width // 2, height // 2): (200, 30, 30),
        (width // 2, 0, width, height // 2): (30, 180, 30),
        (0, height // 2, width // 2, height): (30, 30, 200),
        (width // 2, height // 2, width, height): (220, 220, 60),
    }.items():
        image.paste(colour, box)
    return image


def encoded(image, form, **options):
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def pixels(photo):
    with Image.open(BytesIO(photo)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image).astype(int)


def close(photo, image, tolerance=12):
    a, b = pixels(photo), np.asarray(image.convert("RGB")).astype(int)
    return a.shape == b.shape and np.abs(a - b).mean() < tolerance


def one_sentence(error):
    text = str(error.value)
    assert "\n" not in text
    assert "\0" not in text
    assert text.endswith(".")
    assert len(text) < 400
    return text


def refused(data, name="photo.jpg"):
    with pytest.raises(InputError) as error:
        open_photo(data, name)
    return one_sentence(error)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF"])
def test_common_formats_work(tmp_path, form):
    path = tmp_path / "photo"
    path.write_bytes(encoded(face_like(), form))
    assert close(read_photo(path), face_like())


@pytest.mark.parametrize("form", ["JPEG", "HEIF", "WEBP", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_set_upright(form, orientation):
    upright = face_like()
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    held = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert close(open_photo(encoded(held, form, exif=exif.tobytes()), "photo"), upright)


def test_a_cmyk_photo_works():
    assert close(open_photo(encoded(face_like().convert("CMYK"), "JPEG", quality=95), "photo"), face_like())


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_grey_and_palette_photos_work(mode):
    image = face_like().convert(mode)
    assert close(open_photo(encoded(image, "PNG"), "photo"), image)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_keep_their_shades(form):
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (32, 1))
    photo = pixels(open_photo(encoded(Image.fromarray(ramp), form), "photo"))
    assert np.abs(photo[0, :, 0] - np.linspace(0, 255, 64)).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_becomes_white(mode):
    image = Image.new("RGBA", (40, 40), (200, 30, 30, 255))
    image.paste((0, 0, 0, 0), (0, 0, 20, 40))
    image = image.convert("RGBA").convert(mode)
    photo = pixels(open_photo(encoded(image, "TIFF" if mode == "PA" else "PNG"), "photo"))
    assert (photo[:, :20] == 255).all()
    assert (photo[:, 20:, 1] < 120).all()


def test_a_colour_made_transparent_becomes_white():
    photo = open_photo(encoded(Image.new("RGB", (8, 8), (1, 2, 3)), "PNG", transparency=(1, 2, 3)), "photo")
    assert (pixels(photo) == 255).all()


def test_colours_follow_the_photos_profile():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red_is_blue = srgb.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    red, green, blue = face_like().split()
    assert close(open_photo(encoded(face_like(), "PNG", icc_profile=srgb), "photo"), face_like(), tolerance=2)
    swapped = Image.merge("RGB", (blue, green, red))
    assert close(open_photo(encoded(swapped, "PNG", icc_profile=red_is_blue), "photo"), face_like(), tolerance=2)


def test_a_broken_profile_is_ignored():
    assert close(open_photo(encoded(face_like(), "PNG", icc_profile=b"nonsense"), "photo"), face_like(), tolerance=1)


def test_no_metadata_is_kept():
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    exif.get_ifd(0x8825)[2] = (59.0, 19.0, 5.0)
    photo = open_photo(encoded(face_like(), "JPEG", exif=exif.tobytes(), comment=b"home", dpi=(300, 300)), "photo")
    with Image.open(BytesIO(photo)) as image:
        image.load()
        assert not image.info
        assert not image.getexif()


def test_the_same_photo_gives_the_same_bytes():
    data = encoded(face_like(), "JPEG")
    assert open_photo(data, "a.jpg") == open_photo(data, "b.jpg")


def test_a_large_photo_is_scaled_down():
    photo = open_photo(encoded(Image.new("RGB", (6000, 1500), "grey"), "JPEG"), "photo")
    assert pixels(photo).shape == (1024, 4096, 3)


def test_a_phone_photo_with_a_second_picture_works():
    """Phones store a gain map or depth beside the photo (MPO); that is no animation."""
    data = encoded(face_like(), "MPO", save_all=True, append_images=[face_like(48, 32)])
    assert close(open_photo(data, "photo"), face_like())


def test_no_such_file(tmp_path):
    with pytest.raises(InputError, match=r"There is no file .*missing\.jpg; check the path"):
        read_photo(tmp_path / "missing.jpg")


@pytest.mark.parametrize("path", ["/mnt/user-data/uploads/me.jpg", "/mnt/data/me.png", "me_in_the_chat.jpg"])
def test_a_photo_that_only_a_chat_has(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"attached in a chat does not reach a local server.*full path") as error:
        read_photo(Path(path))
    assert path in one_sentence(error)


def test_a_folder(tmp_path):
    with pytest.raises(InputError, match="is a folder") as error:
        read_photo(tmp_path)
    one_sentence(error)


def test_a_device_is_not_read():
    with pytest.raises(InputError, match="no ordinary file") as error:
        read_photo(Path("/dev/zero"))
    one_sentence(error)


@pytest.mark.parametrize("path", ["nul\0byte.jpg", "x" * 5000, "two\nlines.jpg", "~nobody-of-this-name/photo.jpg"])
def test_a_path_that_cannot_be(path):
    with pytest.raises(InputError) as error:
        read_photo(Path(path))
    one_sentence(error)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"x")

    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(InputError, match="permission denied") as error:
        read_photo(path)
    one_sentence(error)


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photo.png").write_bytes(encoded(face_like(), "PNG"))
    assert close(read_photo(Path("~/photo.png")), face_like())


def test_an_empty_file():
    assert "0 bytes" in refused(b"")


@pytest.mark.parametrize(
    "data", [b"hello, I am a text", b"%PDF-1.7\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0"]
)
def test_what_is_no_image(data):
    assert "not an image" in refused(data)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_a_truncated_photo(form):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    data = encoded(noise, form)
    assert "cut short" in refused(data[: len(data) * 2 // 3])
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_file_above_the_limit_is_not_even_read(tmp_path, monkeypatch):
    path = tmp_path / "photo.jpg"
    with path.open("wb") as file:
        file.truncate(intake.LARGEST_FILE + 1)
    monkeypatch.delattr(Path, "read_bytes")
    with pytest.raises(InputError, match="at most 50 MB"):
        read_photo(path)


def png_header(width, height):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [
        (50_000, 100, "50000 x 100 pixels"),
        (100, 50_000, "100 x 50000 pixels"),
        (12_000, 12_000, "12000 x 12000 pixels"),
        (50_000, 50_000, "too many pixels"),
    ],
)
def test_a_picture_that_is_too_large_is_refused_by_its_header(width, height, words):
    """The pixels are not in the file: decoding would say 'damaged' instead."""
    message = refused(png_header(width, height), "photo.png")
    assert words in message
    assert "at most 16384 pixels a side and 120 megapixels" in message


@pytest.mark.parametrize(("form", "name"), [("GIF", "photo.gif"), ("WEBP", "photo.webp"), ("PNG", "photo.png")])
def test_an_animation(form, name):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
    assert "is animated; save one frame" in refused(data, name)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF"])
def test_garbled_bytes_never_raise_anything_else(form):
    """Cut, flipped and spliced at random: the photo comes out or ``InputError`` does."""
    dice = random.Random(form)
    whole = encoded(face_like(32, 24), form)
    outcomes = {"opened": 0, "refused": 0}
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(dice.randint(0, 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if dice.random() < 0.4:
            del data[dice.randrange(1, len(data)) :]
        if dice.random() < 0.2:
            start = dice.randrange(len(data))
            data[start:start] = dice.randbytes(dice.randint(1, 40))
        try:
            open_photo(bytes(data), "photo")
            outcomes["opened"] += 1
        except InputError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 20


def test_what_pillow_thinks_of_a_file_reaches_nobody(tmp_path):
    data = bytearray(encoded(face_like(), "TIFF"))
    place = data.index(struct.pack("<HHI", 277, 3, 1))  # SamplesPerPixel
    data[place + 8 : place + 10] = struct.pack("<H", 2048)
    (tmp_path / "photo.tiff").write_bytes(data)
    code = (
        "import pathlib, sys\nfrom agent.serving.intake import read_photo\nfrom tools.errors import InputError\n"
        "try: read_photo(pathlib.Path(sys.argv[1]))\nexcept InputError: print('refused')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "photo.tiff"], capture_output=True, text=True, check=True
    )
    assert (run.stdout, run.stderr) == ("refused\n", "")


def test_importing_the_intake_loads_no_image_library():
    code = "import sys, agent.serving.intake; print(sorted({'PIL', 'numpy', 'pillow_heif'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
