"""Which latents the model is told to keep, by the pipeline's own table and by groups."""

from __future__ import annotations

import pytest
import torch
from diffusers import WanVACEPipeline

from tools.video.mask_table import frames_read


def marked(pipe: WanVACEPipeline, given: set[int], frames: int) -> list[int]:
    """The latents of which every one of the 64 mask channels says that they are kept; the others say nowhere."""
    mask = torch.ones(1, 1, frames, 16, 16)
    mask[:, :, sorted(given)] = 0
    table = pipe.prepare_masks(mask, [[]], None)[0]
    assert table.shape == (64, (frames + 3) // 4, 2, 2)
    return [latent for latent in range(table.shape[1]) if not table[:, latent].any()]


@pytest.fixture
def by_group(tiny_wan, monkeypatch):
    monkeypatch.setattr(tiny_wan.pipe, "masks", "by_group")
    return tiny_wan.pipe


@pytest.fixture
def stock(tiny_wan):
    return WanVACEPipeline(**tiny_wan.pipe.components)


def group(latent: int) -> set[int]:
    return set(range(4 * latent - 3, 4 * latent + 1))


def test_the_stock_table_reads_a_frame_of_the_group_before_for_latents_1_to_6():
    read = frames_read(81).tolist()
    assert read[:13] == [1, 5, 9, 13, 17, 21, 25, 28, 32, 36, 40, 44, 48]
    assert read[-1] == 79
    assert [latent for latent, frame in enumerate(read) if frame not in group(latent)] == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("frames", [5, 17, 49, 81])
def test_a_whole_group_marks_its_own_latent_and_no_other(by_group, frames):
    for latent in range(2, (frames + 3) // 4):
        assert marked(by_group, {0} | group(latent), frames) == [latent]
    assert marked(by_group, group(1), frames) == [1]


def test_the_stock_table_marks_another_latent_for_an_early_group(stock):
    assert marked(stock, {0} | group(3), 81) == [2]
    assert marked(stock, {0} | group(7), 81) == [6, 7]
    assert marked(stock, {0} | group(12), 81) == [12]


@pytest.mark.parametrize("frames", [5, 17, 81])
def test_a_first_frame_alone_is_never_marked_as_in_training(by_group, stock, frames):
    assert marked(by_group, {0}, frames) == marked(stock, {0}, frames) == []


def test_a_group_that_is_not_given_whole_is_not_marked(by_group):
    for missing in group(5):
        assert marked(by_group, {0} | group(5) - {missing}, 81) == []


def test_frame_0_is_marked_where_the_clip_goes_on_from_it_in_given_frames(by_group, stock):
    start = {0} | group(1) | group(2)
    assert marked(by_group, start, 81) == [0, 1, 2]
    assert marked(stock, start, 81) == [0, 1]
