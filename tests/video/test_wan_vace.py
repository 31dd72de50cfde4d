"""Clips from a tiny Wan VACE, loaded and run by the product's own path."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tools import registry
from tools.contracts import ClipSpec, Given, RGBImage, Size
from tools.errors import Cancelled, InputError, Unavailable
from tools.video.wan_vace import vace_large, vace_large_from_references

CLIP = ClipSpec(Size(64, 64), 17, 16)
PROMPT = "a woman walks along the sea"


def quiet(done: int, total: int, message: str) -> None:
    pass


def clip_of(given: Given, seed: int = 1, clip: ClipSpec = CLIP, prompt: str = PROMPT, **options: Any) -> np.ndarray:
    make = vace_large if given.frames else vace_large_from_references
    return np.stack(list(make(**{"steps": 2, **options}).generate(prompt, clip, given, seed, quiet)))


pytestmark = pytest.mark.usefixtures("tiny_wan")


def test_a_clip_has_the_frames_and_the_size_that_were_asked_for(picture):
    for clip in (CLIP, ClipSpec(Size(72, 42), 5, 16)):
        frames = clip_of(Given({0: picture(1)}), clip=clip)
        assert frames.shape == (clip.frames, clip.size.height, clip.size.width, 3)
        assert frames.dtype == np.uint8
        assert frames.std() > 0


def test_the_same_seed_gives_the_same_bytes_and_another_others(picture):
    given = Given({0: picture(1)})
    assert np.array_equal(clip_of(given), clip_of(given))
    assert not np.array_equal(clip_of(given), clip_of(given, seed=2))


def test_the_prompt_the_first_frame_and_keyframes_each_change_the_clip(picture):
    first, other = picture(1), picture(2)
    clips = [
        clip_of(Given({0: first})),
        clip_of(Given({0: first}), prompt="a woman sits"),
        clip_of(Given({0: other})),
        clip_of(Given({0: first, 8: other})),
        clip_of(Given({0: first, **dict.fromkeys((5, 6, 7, 8), other)})),
        clip_of(Given({0: first, **dict.fromkeys((5, 6, 7, 8), other)}), masks="stock"),
    ]
    for number, clip in enumerate(clips):
        assert all(not np.array_equal(clip, before) for before in clips[:number])


def test_photos_alone_make_a_clip_of_their_person(photo):
    one, other = (clip_of(Given({}, (photo(colour),))) for colour in ((200, 40, 40), (40, 200, 40)))
    assert one.shape == (17, 64, 64, 3)
    assert not np.array_equal(one, other)


def test_backends_say_what_they_need():
    assert vace_large().needs == {"first_frame"}
    assert vace_large(keep_reference=True).needs == {"first_frame", "reference"}
    assert vace_large().takes_keyframes
    assert vace_large_from_references().needs == {"reference"}
    assert not vace_large_from_references().takes_keyframes


def test_progress_is_told_between_the_blocks_of_every_step_and_never_goes_back(picture):
    told: list[tuple[int, int, str]] = []
    list(vace_large(steps=3).generate(PROMPT, CLIP, Given({0: picture(1)}), 1, lambda *news: told.append(news)))
    done = [step for step, _, _ in told]
    assert done == sorted(done)
    assert set(done) == {0, 1, 2, 3}
    assert {total for _, total, _ in told} == {3}
    assert all(done.count(step) > 2 for step in (0, 1, 2))


def test_a_cancelled_clip_ends_within_its_step_and_the_next_one_is_as_ever(tiny_wan, picture):
    given, forwards = Given({0: picture(1)}), []
    before = clip_of(given)

    def cancelled_in_step_2(done: int, total: int, message: str) -> None:
        if done == 1 and len(forwards) == 3:
            raise Cancelled

    hook = tiny_wan.pipe.transformer.register_forward_hook(lambda *_: forwards.append(1))
    with pytest.raises(Cancelled):
        vace_large(steps=2).generate(PROMPT, CLIP, given, 1, cancelled_in_step_2)
    hook.remove()
    assert len(forwards) == 3
    assert np.array_equal(clip_of(given), before)


def test_models_that_take_turns_go_back_to_their_place_after_a_cancel_too(tiny_wan, monkeypatch, picture):
    def cancelled(done: int, total: int, message: str) -> None:
        if message == "Making the clip":
            raise Cancelled

    sent_back = []
    monkeypatch.setattr(tiny_wan.pipe, "maybe_free_model_hooks", lambda: sent_back.append(1))
    with pytest.raises(Cancelled):
        vace_large().generate(PROMPT, CLIP, Given({0: picture(1)}), 1, cancelled)
    assert sent_back == [1]


def test_no_hook_is_left_behind(tiny_wan, picture):
    clip_of(Given({0: picture(1)}))
    transformer = tiny_wan.pipe.transformer
    assert not [block for block in (*transformer.blocks, *transformer.vace_blocks) if block._forward_pre_hooks]


def test_two_threads_get_each_their_own_clip(picture):
    jobs = [(Given({0: picture(number)}), number) for number in range(4)]
    alone = [clip_of(given, seed) for given, seed in jobs]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda job: clip_of(*job), jobs))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_what_cannot_be_made_is_refused_before_anything_is_loaded(monkeypatch, picture):
    monkeypatch.setattr("tools.video.wan.shared", lambda model: pytest.fail("loaded"))
    for make, given in ((vace_large, Given({0: picture(1)})), (vace_large_from_references, Given({}))):
        for clip in (ClipSpec(CLIP.size, 18, 16), ClipSpec(CLIP.size, 85, 16), ClipSpec(CLIP.size, 17, 25)):
            with pytest.raises(InputError, match="VACE makes"):
                make().generate(PROMPT, clip, given, 1, quiet)


def test_tiling_paints_nearly_the_same_clip_where_a_frame_is_larger_than_a_tile(picture):
    given, clip = Given({0: picture(1, 288, 64)}), ClipSpec(Size(288, 64), 5, 16)
    whole, tiled = (clip_of(given, clip=clip, vae_tiling=tiling).astype(int) for tiling in (False, True))
    assert 0 < np.abs(whole - tiled).mean() < 6


def test_a_missing_model_is_told_when_the_backend_is_made(monkeypatch, tmp_path):
    monkeypatch.setenv("STEADFACE_WAN_VACE_14B", str(tmp_path))
    for make in (vace_large, vace_large_from_references):
        with pytest.raises(Unavailable, match="steadface models pull wan-vace-14b"):
            make()


@pytest.mark.parametrize("name", ["wan-vace-14b", "wan-vace-1.3b"])
def test_options_arrive_checked_by_the_registry(name):
    assert registry.create("video", name, options={"steps": 25, "shift": 5, "masks": "stock"}).steps == 25
    for wrong in ({"steps": 0}, {"guidance": 0.5}, {"masks": "mine"}, {"model": "wan-vace-14b"}, {"needs": []}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            registry.create("video", name, options=wrong)


def test_frames_are_given_in_place_of_size(picture):
    """Where the canvas is larger than the clip, the clip is its middle, so that keyframes stay where they were."""
    small = ClipSpec(Size(56, 56), 5, 16)
    image: RGBImage = picture(1, 56, 56)
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)), mode="symmetric")
    whole = clip_of(Given({0: padded}), clip=ClipSpec(Size(64, 64), 5, 16))
    assert np.array_equal(clip_of(Given({0: image}), clip=small), whole[:, 4:60, 4:60])
