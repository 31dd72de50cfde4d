from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tools.contracts import ClipSpec, Given, Origin, Size
from tools.errors import Cancelled
from tools.preview.video import PreviewVideo

SIZE = Size(832, 480)
SMALL = Size(416, 240)
LAUNCH = "a woman in an orange flight suit, launch pad at dawn"
WALK = "The woman in an orange flight suit walks across the launch pad at dawn, smiling as she looks up at the rocket."


@pytest.fixture(scope="module")
def animate(paint, reference):
    """The first frame of a spatial prompt and the clip of a temporal one."""

    def play(spatial, temporal, *, size=SIZE, frames=33, fps=8, seed=1):
        first = paint(spatial, seed, size)
        given = Given({0: first}, (reference,), Origin("preview", spatial, seed))
        clip = PreviewVideo().generate(temporal, ClipSpec(size, frames, fps), given, seed, lambda *_: None)
        return first, list(clip)

    return play


def steps(frames):
    """The mean absolute difference of each frame to the next."""
    return np.array([np.abs(a.astype(np.int16) - b).mean() for a, b in pairwise(frames)])


@pytest.mark.parametrize("framing", ["close-up", "medium shot", "full shot", "wide shot"])
def test_the_clip_begins_with_exactly_the_first_frame(animate, framing):
    first, frames = animate(f"{LAUNCH}, {framing}", WALK, size=SMALL, frames=5)

    assert len(frames) == 5
    assert np.array_equal(frames[0], first)
    assert all(frame.shape == first.shape and frame.dtype == np.uint8 for frame in frames)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framing", "temporal"),
    [("close-up", WALK), ("medium shot", "The woman turns her head, looks up and smiles.")],
)
def test_the_person_stays_the_person(animate, see, framing, temporal):
    first, frames = animate(f"{LAUNCH}, {framing}", temporal, frames=41)
    at_first, *later = see([first, *frames[::3]])

    assert all(later), "a frame without a face"
    assert np.mean([seen.similarity for seen in later]) > at_first.similarity - 0.1
    for seen, frame in zip(later, frames[::3], strict=True):
        assert seen.face.box.y > 0.4 * seen.face.box.height, "hair out of the picture"
        assert 0 <= seen.face.box.x <= frame.shape[1] - seen.face.box.width


@pytest.mark.parametrize(
    ("spatial", "temporal"),
    [
        (f"{LAUNCH}, close-up", WALK),
        (f"{LAUNCH}, full shot", "The woman walks across the launch pad."),
        ("a woman in a dress, beach at dusk, full shot", "The woman walks towards the camera."),
        (
            "a woman in a coat, city street in the rain, medium shot",
            "The woman dances in the rain. The camera pans left.",
        ),
        ("a woman in a coat, snowy mountain, medium shot", "The woman looks around. The camera pulls back."),
    ],
)
def test_motion_is_smooth(animate, spatial, temporal):
    _, frames = animate(spatial, temporal, size=SMALL, frames=49, fps=16)
    differences = steps(frames)

    assert differences.max() < 3 * np.median(differences), "a jump"
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 2 * np.median(differences), "nothing moved"


def test_brightness_does_not_flicker(animate):
    _, frames = animate(f"{LAUNCH}, medium shot", "The woman looks around.", size=SMALL, frames=49, fps=16)
    light = np.array([frame.mean() for frame in frames])

    assert np.abs(np.diff(light)).max() < 0.6


@pytest.mark.parametrize(("clip_seed", "same"), [(1, True), (2, False)])
def test_one_seed_gives_the_same_clip_and_another_does_not(paint, reference, clip_seed, same):
    first = paint(f"{LAUNCH}, close-up", 1, SMALL)
    given = Given({0: first}, (reference,), Origin("preview", f"{LAUNCH}, close-up", 1))

    def last(seed):
        clip = PreviewVideo().generate("The woman looks around.", ClipSpec(SMALL, 25, 16), given, seed, lambda *_: None)
        return list(clip)[-1]

    assert np.array_equal(last(1), last(clip_seed)) is same


def test_across_goes_to_the_side_that_was_named_and_towards_comes_nearer(animate, see):
    spatial = "a woman in a suit, desert, full shot"
    _, right = animate(spatial, "The woman walks to the right. The camera pans left.", frames=9, fps=2, seed=3)
    _, left = animate(spatial, "The woman walks to the left. The camera pans right.", frames=9, fps=2, seed=3)
    _, near = animate(spatial, "The woman walks towards the camera.", frames=9, fps=2, seed=3)
    start, to_right, to_left, nearer = (seen.face.box for seen in see([right[0], right[-1], left[-1], near[-1]]))

    assert to_right.x > start.x + 30
    assert to_left.x < start.x - 30
    assert nearer.height > 1.15 * start.height


def test_the_camera_comes_closer_or_goes_back_as_the_prompt_says(animate, see):
    spatial = "a woman in a suit, desert, medium shot"
    _, closer = animate(spatial, "The woman waits. The camera pushes in.", frames=9, fps=2)
    _, away = animate(spatial, "The woman waits. The camera slowly pulls back.", frames=9, fps=2)
    start, near, far = (seen.face.box for seen in see([closer[0], closer[-1], away[-1]]))

    assert near.height > start.height > far.height


def test_scenery_moves_less_than_the_person(animate, see):
    _, frames = animate("a woman, mountain, medium shot", "The woman waits. The camera pans right.", frames=9, fps=2)
    before, after = (frame[:90, :260].mean(axis=2) for frame in (frames[0], frames[-1]))
    scenery = min(range(60), key=lambda d: np.abs(before[:, 60:200] - after[:, 60 - d : 200 - d]).mean())
    start, end = (seen.face.box.x for seen in see([frames[0], frames[-1]]))

    assert 3 <= scenery < start - end - 12


def test_a_first_frame_of_somebody_else_is_never_replaced(reference, paint):
    other = paint("a woman in a red dress, beach, medium shot", 4, SMALL)
    for origin in (None, Origin("hyperlora", LAUNCH, 1), Origin("preview", f"{LAUNCH}, close-up", 1)):
        given = Given({0: other}, (reference,), origin)
        frames = list(PreviewVideo().generate(WALK, ClipSpec(SMALL, 9, 4), given, 1, lambda *_: None))

        assert np.array_equal(frames[0], other)
        assert steps(frames).max() < 3 * np.median(steps(frames))
        assert np.abs(frames[-1].astype(int) - other).mean() > 0.5


def test_a_first_frame_of_another_size_fills_the_clip(reference, paint):
    given = Given({0: paint("a woman, beach", 4, Size(400, 300))}, (reference,))
    frames = list(PreviewVideo().generate("She waits.", ClipSpec(SMALL, 3, 4), given, 1, lambda *_: None))

    assert [frame.shape for frame in frames] == [(240, 416, 3)] * 3


def test_frames_come_one_by_one_with_progress_and_a_cancel_stops_them(reference, paint):
    spatial = f"{LAUNCH}, close-up"
    given = Given({0: paint(spatial, 1, SMALL)}, (reference,), Origin("preview", spatial, 1))
    heard = []
    clip = iter(PreviewVideo().generate(WALK, ClipSpec(SMALL, 81, 16), given, 1, lambda *said: heard.append(said)))
    next(clip)
    next(clip)
    assert [(done, total) for done, total, _ in heard] == [(0, 81), (1, 81)]

    def cancel(done, *_):
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(PreviewVideo().generate(WALK, ClipSpec(SMALL, 81, 16), given, 1, cancel))


@pytest.mark.parametrize("frames", [1, 2])
def test_even_one_frame_is_a_clip(animate, frames):
    assert len(animate(f"{LAUNCH}, full shot", WALK, size=SMALL, frames=frames)[1]) == frames
