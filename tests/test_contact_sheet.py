"""The contact sheet: what a chat shows of a video."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tools.contact_sheet import Tile, contact_sheet, jpeg_under


def tiles(count, width=832, height=480, tone="good"):
    shades = np.linspace(40, 220, count).astype(np.uint8)
    return [Tile(np.full((height, width, 3), shade, np.uint8), ("0.87", "1.5 s"), tone) for shade in shades]


@pytest.mark.parametrize("count", [1, 6, 7, 8, 9])
@pytest.mark.parametrize("shape", [(832, 480), (480, 832), (640, 640), (1280, 720)])
def test_a_sheet_fits_a_chat_and_shows_every_tile(count, shape):
    sheet = contact_sheet(tiles(count, *shape), "similarity by dlib ResNet")
    assert max(sheet.shape) <= 1500
    for shade in np.linspace(40, 220, count).astype(np.uint8):
        assert (sheet == shade).all(axis=2).sum() > 10_000


def test_a_landscape_sheet_of_six_has_two_rows_of_three():
    sheet = contact_sheet(tiles(6), "similarity by dlib ResNet")
    assert sheet.shape[1] > 1.8 * sheet.shape[0]


def test_similarity_caption_and_tone_are_drawn():
    def sheet(line="0.87", caption="dlib ResNet", tone="good"):
        return contact_sheet([Tile(np.zeros((48, 80, 3), np.uint8), (line,), tone)], caption)

    assert not np.array_equal(sheet(), sheet(line="0.12"))
    assert not np.array_equal(sheet(), sheet(caption="ArcFace"))
    assert not np.array_equal(sheet(), sheet(tone="weak"))


def test_a_caption_in_any_script_is_drawn_as_far_as_the_font_goes():
    plain = contact_sheet(tiles(1), "Zoe walks - 0.87")
    assert np.array_equal(plain, contact_sheet(tiles(1), "Zoë walks – 0.87 中国😀"))


def test_a_long_caption_takes_two_lines():
    assert contact_sheet(tiles(6), "word " * 500).shape == contact_sheet(tiles(6), "word " * 60).shape


@pytest.mark.parametrize("limit", [300_000, 20_000])
def test_a_jpeg_stays_under_its_limit(limit):
    image = np.random.default_rng(0).integers(0, 256, (1000, 1500, 3), dtype=np.uint8)
    data = jpeg_under(image, limit)
    assert len(data) <= limit
    with Image.open(BytesIO(data)) as opened:
        assert opened.format == "JPEG"


def test_a_jpeg_that_fits_keeps_its_size():
    with Image.open(BytesIO(jpeg_under(np.asarray(contact_sheet(tiles(9), "dlib ResNet")), 300_000))) as opened:
        assert opened.width > 1400
