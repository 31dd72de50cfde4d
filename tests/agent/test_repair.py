"""Which frames drifted, and the window that mends them."""

from hypothesis import given
from hypothesis import strategies as st

from agent.repair import LONGEST_WINDOW, MOST_KEYFRAMES, drift_window
from tools.contracts import Thresholds
from tools.pools.calls import FramePoint
from tools.pools.work import sample_frames, summarise

THRESHOLDS = Thresholds(0.5, 0.45, 0.4, 48, 0.3, 20)
FRAMES = 81


def scored(similarities, frames=FRAMES):
    places = sample_frames(frames, len(similarities))
    return summarise([FramePoint(frame=f, similarity=s) for f, s in zip(places, similarities, strict=True)])


def test_a_steady_video_has_no_window():
    assert drift_window(scored([0.8] * 9), THRESHOLDS, FRAMES) is None


def test_a_stretch_in_the_middle_lies_between_good_frames():
    window = drift_window(scored([0.8, 0.8, 0.8, 0.1, 0.1, 0.8, 0.8, 0.8, 0.8]), THRESHOLDS, FRAMES)
    assert window is not None
    assert (window.first, window.last) == (20, 52)
    assert window.drifted == (21, 49)
    assert window.keyframes == (30, 40)


def test_a_drift_to_the_end_keeps_all_before_it():
    window = drift_window(scored([0.8] * 6 + [0.1] * 3), THRESHOLDS, FRAMES)
    assert window is not None
    assert window.first == 50
    assert window.drifted[1] == window.last


def test_frames_without_a_face_are_no_drift():
    assert drift_window(scored([0.8, None, None, None, 0.8]), THRESHOLDS, FRAMES) is None


def test_a_video_that_never_was_the_person_has_no_good_frame_to_start_from():
    assert drift_window(scored([0.1] * 9), THRESHOLDS, FRAMES) is None


@given(
    st.lists(st.one_of(st.none(), st.floats(-0.5, 1)), min_size=2, max_size=40),
    st.integers(40, 241),
)
def test_a_window_is_always_one_that_an_engine_can_make(similarities, frames):
    window = drift_window(scored(similarities, frames), THRESHOLDS, frames)
    if window is None:
        return
    begin, end = window.drifted
    assert 0 <= window.first < begin <= end <= window.last < frames
    assert (window.last - window.first) % 4 == 0
    assert window.last - window.first < LONGEST_WINDOW
    assert 1 <= len(window.keyframes) <= MOST_KEYFRAMES
    assert all(begin <= frame <= end for frame in window.keyframes)
