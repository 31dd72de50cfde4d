"""Which frames drifted, the window that mends them, and what makes a repaired clip worse than none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.repair import LONGEST_WINDOW, REACH, drift_window, objection
from tools.contracts import KEYFRAME_GROUP, Thresholds
from tools.pools.calls import FramePoint, WindowFit
from tools.pools.work import sample_frames, summarise

THRESHOLDS = Thresholds(0.5, 0.45, 0.4, 48, 0.3, 20)
FRAMES = 81


def scored(similarities, frames=FRAMES):
    """A video score of as many evenly spread frames; a value is a similarity, or it with yaw and side of the face."""
    places = sample_frames(frames, len(similarities))
    return summarise([point(frame, value) for frame, value in zip(places, similarities, strict=True)])


def point(frame, value):
    similarity, yaw, side = value if isinstance(value, tuple) else (value, 0.0, 100.0)
    return FramePoint(frame=frame, similarity=similarity, yaw=yaw, side=side)


def test_a_steady_video_has_no_window():
    assert drift_window(scored([0.8] * 9), THRESHOLDS, FRAMES) is None


def test_a_stretch_in_the_middle_lies_between_a_good_frame_and_a_whole_group_of_them():
    window = drift_window(scored([0.8, 0.8, 0.8, 0.1, 0.1, 0.8, 0.8, 0.8, 0.8]), THRESHOLDS, FRAMES)
    assert window is not None
    assert (window.first, window.last) == (20, 56)
    assert window.drifted == (21, 52)
    assert window.keyframes == (40,)


def test_a_drift_to_the_end_keeps_all_before_it_and_may_run_over_the_end():
    window = drift_window(scored([0.8] * 6 + [0.1] * 3), THRESHOLDS, FRAMES)
    assert window is not None
    assert (window.first, window.last) == (50, 82)
    assert window.drifted == (51, 80)
    assert window.keyframes == (70,)


def test_one_low_frame_between_good_ones_is_no_drift():
    assert drift_window(scored([0.8, 0.8, 0.1, 0.8, 0.8]), THRESHOLDS, FRAMES) is None


def test_a_good_frame_amid_a_drift_does_not_part_it():
    window = drift_window(scored([0.8, 0.1, 0.1, 0.5, 0.1, 0.1, 0.8, 0.8, 0.8]), THRESHOLDS, FRAMES)
    assert window is not None
    assert window.drifted == (1, 60)


@pytest.mark.parametrize("hidden", [None, (0.1, 40.0, 100.0), (0.1, 0.0, 20.0)], ids=["no face", "turned", "tiny"])
def test_a_face_that_cannot_be_told_is_no_drift_and_no_keyframe(hidden):
    assert drift_window(scored([0.8, hidden, hidden, hidden, 0.8]), THRESHOLDS, FRAMES) is None
    window = drift_window(scored([0.8, 0.1, hidden, hidden, 0.1, 0.8, 0.8, 0.8, 0.8]), THRESHOLDS, FRAMES)
    assert window is not None
    assert window.drifted == (1, 52)
    assert set(window.keyframes) <= {10, 40}


def test_a_video_that_never_was_the_person_has_no_good_frame_to_start_from():
    assert drift_window(scored([0.1] * 9), THRESHOLDS, FRAMES) is None


def test_a_long_drift_has_more_keyframes_and_a_short_one_has_one():
    (long, short) = (
        drift_window(scored([0.8, 0.8] + [0.1] * low + [0.8] * (15 - low)), THRESHOLDS, FRAMES) for low in (11, 3)
    )
    assert long is not None
    assert short is not None
    assert (len(long.keyframes), len(short.keyframes)) == (2, 1)


@given(
    st.lists(st.one_of(st.none(), st.floats(-0.5, 1)), min_size=2, max_size=40),
    st.integers(40, 241),
)
def test_a_window_is_always_one_that_an_engine_can_make(similarities, frames):
    score = scored(similarities, frames)
    window = drift_window(score, THRESHOLDS, frames)
    if window is None:
        return
    begin, end = window.drifted
    assert window.first + 1 == begin <= end <= window.last < frames + KEYFRAME_GROUP - 1
    assert end < frames
    assert (window.last - window.first) % KEYFRAME_GROUP == 0
    assert window.last - window.first < LONGEST_WINDOW
    known = {each.frame: each.similarity for each in score.points}
    assert known[window.first] >= THRESHOLDS.video_p10
    assert len(window.keyframes) >= 1
    assert all(begin <= frame <= end and known[frame] is not None for frame in window.keyframes)
    after = range(end + 1, min(window.last + 1, frames))
    assert len(after) in (0, KEYFRAME_GROUP)
    assert all(known[frame] is None or known[frame] >= THRESHOLDS.video_p10 for frame in after if frame in known)


@given(st.integers(2, 60), st.booleans())
def test_no_drifted_frame_is_out_of_reach_where_every_frame_can_be_corrected(low, ends):
    similarities = [0.8] + [0.1] * low + [0.8] * (0 if ends else 80 - low)
    window = drift_window(scored(similarities, len(similarities)), THRESHOLDS, len(similarities))
    assert window is not None
    begin, end = window.drifted
    fixed = {window.first, *window.keyframes, *range(end + 1, min(window.last + 1, len(similarities)))}
    assert all(min(abs(frame - other) for other in fixed) <= REACH for frame in range(begin, end + 1))


GOOD_FIT = WindowFit(seam=1.0, usual_step=2.0, motion_before=3.0, motion_after=2.5)


@pytest.mark.parametrize(
    ("after", "change", "said"),
    [
        ([0.8, 0.7, 0.8], {}, None),
        ([0.8, 0.1, 0.8], {}, "did not rise"),
        ([0.95, 0.05, 0.95], {}, "less so"),
        ([0.8, None, 0.8], {}, "Fewer frames show a face"),
        ([0.8, 0.7, 0.8], {"seam": 3.2}, "jumps"),
        ([0.8, 0.7, 0.8], {"seam": 1.9, "usual_step": 0.1}, None),
        ([0.8, 0.7, 0.8], {"motion_after": 1.0}, "motion died"),
        ([0.8, 0.7, 0.8], {"motion_before": 0.2, "motion_after": 0.0}, None),
    ],
)
def test_a_repair_is_taken_only_where_the_clip_is_better(after, change, said):
    found = objection(scored([0.8, 0.1, 0.8]), scored(after), GOOD_FIT.model_copy(update=change))
    assert found is None if said is None else said in found
