"""The operations, run here on the instant backends: what they ask of a backend and what they keep."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tools import media
from tools.artifacts import Artifacts
from tools.clip_checks import check_clip
from tools.contracts import Size
from tools.errors import BackendError, InputError
from tools.pools import calls
from tools.pools.bench import Bench
from tools.pools.work import (
    animate,
    fix_keyframes,
    inspect_reference,
    make_contact_sheet,
    paint_first_frames,
    repair_window,
    sample_frames,
    score_images,
    score_video,
    summarise,
)

FRAMES = 41


@pytest.fixture
def bench(instant, home):
    bench = Bench(Artifacts(home))
    bench.report = lambda done, total, message: None
    return bench


@pytest.fixture
def reference(bench, instant):
    photo = keep(bench, instant.picture(instant.PERSON))
    asked = calls.InspectReference(photo=photo, face=None, presentation=None, faces="instant", matting="instant")
    return inspect_reference(asked, bench).reference


def keep(bench, image):
    return bench.artifacts.put(media.png_bytes(image), "png")


def clip_of(bench, frames):
    with bench.artifacts.new_file("mkv") as path:
        media.write_lossless(frames, 16, path)
        return bench.artifacts.put_file(path, "mkv", "job")


def frames_of(bench, clip):
    return list(media.read_clip(bench.artifacts.path(clip)))


def animating(reference, first, **changed):
    asked = {
        "job_id": "job", "prompt": "", "first_frame": first, "first_frame_backend": "instant",
        "first_frame_prompt": "", "first_frame_seed": 1, "references": [reference], "seed": 1,
        "width": 256, "height": 144, "frames": FRAMES, "fps": 16, "backend": "instant",
    }  # fmt: skip
    return calls.Animate(**(asked | changed))


def test_scored_frames_are_spread_evenly_with_both_ends():
    assert sample_frames(81, 16) == [0, 5, 10, 16, 21, 26, 32, 37, 42, 48, 53, 58, 64, 69, 74, 80]
    assert sample_frames(3, 16) == [0, 1, 2]


def test_faceless_frames_are_skipped_or_counted_zero():
    points = [calls.FramePoint(frame=i, similarity=s) for i, s in enumerate([0.8, None, 0.6, None])]
    score = summarise(points)
    assert (score.identity_skip, score.identity_zero, score.face_rate) == pytest.approx((0.7, 0.35, 0.5))
    assert score.drift == pytest.approx(0.1)
    assert summarise([calls.FramePoint(frame=0, similarity=None)]).identity_skip is None


def test_a_first_frame_carries_how_it_was_made(bench, reference):
    asked = calls.PaintFirstFrames(
        references=[reference], prompt="similarity=0.7", seeds=[3, 4], width=256, height=144, backend="instant",
        video="instant", frames=FRAMES, fps=16,
    )  # fmt: skip
    images = paint_first_frames(asked, bench).images
    notes = Image.open(BytesIO(bench.artifacts.read(images[1]))).text
    assert (notes["steadface:prompt"], notes["steadface:seed"]) == ("similarity=0.7", "4")


def test_nothing_is_painted_for_a_video_that_cannot_be_made(bench, reference, instant, monkeypatch):
    monkeypatch.setattr(instant.Painter, "generate", lambda *_: pytest.fail("it painted"))
    asked = calls.PaintFirstFrames(
        references=[reference], prompt="", seeds=[1], width=256, height=144, backend="instant", video="instant",
        frames=FRAMES, fps=13,
    )  # fmt: skip
    with pytest.raises(InputError, match="another number of frames a second than 13"):
        paint_first_frames(asked, bench)


def test_in_a_further_photo_the_face_most_like_the_persons_is_taken(bench, reference, instant, monkeypatch):
    monkeypatch.setattr(instant.Analyzer, "similarity", lambda self, person, face: 1 - abs(face.box.x - 96) / 256)
    group = keep(bench, instant.picture(instant.Mark(faces=3)))
    asked = calls.InspectReference(
        photo=group, face=None, like=reference, presentation=None, faces="instant", matting="instant"
    )
    assert inspect_reference(asked, bench).reference.face == 1


def test_first_frames_go_through_the_detailer_each_with_its_own_seed(bench, reference, instant, monkeypatch):
    given = []
    detail = instant.Detailer.detail

    def noted(self, frames, faces, person, prompt, strength, seed, report):
        given.append((len(frames), len(faces[0]), strength, seed))
        return detail(self, frames, faces, person, prompt, strength, seed, report)

    monkeypatch.setattr(instant.Detailer, "detail", noted)
    asked = calls.PaintFirstFrames(
        references=[reference], prompt="similarity=0.3 faces=2 repair=0.8", seeds=[3, 4], width=256, height=144,
        backend="instant", detailer="instant", detail_strength=0.4, video="instant", frames=FRAMES, fps=16,
    )  # fmt: skip
    told = []
    bench.report = lambda done, total, message: told.append((done, total))
    images = [media.read_image(bench.artifacts.read(image)) for image in paint_first_frames(asked, bench).images]
    assert [instant.read_mark(image).similarity for image in images] == [0.8, 0.8]
    assert given == [(1, 2, 0.4, 3), (1, 2, 0.4, 4)]
    assert told == sorted(told)
    assert {total for _, total in told} == {200}


def test_the_face_nearest_the_reference_is_scored_and_the_others_are_counted(bench, reference, instant):
    image = keep(bench, instant.picture(instant.Mark(similarity=0.7, faces=3)))
    (score,) = score_images(calls.ScoreImages(reference=reference, images=[image]), bench).scores
    assert score.similarity == pytest.approx(0.7)
    assert score.face_count == 3


def test_what_the_largest_face_would_score_is_told_beside_the_nearest(bench, reference, instant, monkeypatch):
    """The largest of three is the second, a stranger's."""
    analyze = instant.Analyzer.analyze
    image = keep(bench, instant.picture(instant.Mark(similarity=0.7, faces=3)))

    def grown(self, images):
        return [
            [replace(face, box=face.box._replace(width=face.box.width * 2)) if n == 1 else face for n, face in seen]
            for seen in (list(enumerate(faces)) for faces in analyze(self, images))
        ]

    asked = calls.ScoreImages(reference=reference, images=[image])
    score_images(asked, bench)  # the reference is looked at as it is
    monkeypatch.setattr(instant.Analyzer, "analyze", grown)
    (score,) = score_images(asked, bench).scores
    assert (score.similarity, score.largest_similarity) == (pytest.approx(0.7), 0)


def test_a_face_below_the_floor_is_no_face_but_is_told(bench, reference, instant):
    image = keep(bench, instant.picture(instant.Mark(score=0.12)))
    (score,) = score_images(calls.ScoreImages(reference=reference, images=[image]), bench).scores
    assert (score.similarity, score.face, score.face_count) == (None, None, 0)
    assert score.faint.detector_score == pytest.approx(0.12)


def test_a_video_backend_that_needs_a_first_frame_says_so(bench, reference):
    with pytest.raises(InputError, match="needs a first frame"):
        animate(animating(reference, None), bench)


@pytest.mark.parametrize(("made", "says"), [(7, "made 7 frames instead of 41"), (None, "instead of 256x144")])
def test_a_backend_that_makes_something_else_is_named(bench, reference, instant, monkeypatch, made, says):
    size = Size(256, 144) if made else Size(64, 64)
    frames = [np.zeros((size.height, size.width, 3), np.uint8)] * (made or FRAMES)
    monkeypatch.setattr(instant.Projector, "generate", lambda *_: frames)
    with pytest.raises(BackendError, match=says):
        animate(animating(reference, keep(bench, instant.picture(instant.Mark()))), bench)
    assert not bench.artifacts.jobs()


def test_the_delivered_file_is_what_is_scored(bench, reference, instant):
    clip = clip_of(bench, [instant.picture(instant.Mark(similarity=s)) for s in (0.9, 0.9, 0.3, 0.9, 0.9)])
    asked = calls.ScoreVideo(reference=reference, clip=clip, fps=16, samples=5, title="t", comment="c")
    reply = score_video(asked, bench)
    assert [point.similarity for point in reply.score.points] == pytest.approx([0.9, 0.9, 0.3, 0.9, 0.9], abs=0.01)
    assert reply.bytes == bench.artifacts.path(reply.video).stat().st_size
    assert reply.seconds == pytest.approx(5 / 16)


def test_a_repair_splices_back_the_drifted_frames_alone(bench, reference, instant):
    good = instant.picture(instant.Mark(similarity=0.9))
    bad = instant.picture(replace(instant.Mark(), similarity=0.1), shade=40)
    clip = clip_of(bench, [bad if 10 <= index <= 14 else good for index in range(FRAMES)])
    fixing = calls.FixKeyframes(
        clip=clip, frames=[12], references=[reference], prompt="repair=0.8", strength=0.4, seed=1, backend="instant"
    )
    asked = calls.RepairWindow(
        job_id="job", clip=clip, first=8, last=16, keyframes=fix_keyframes(fixing, bench).keyframes, drifted=(9, 12),
        references=[reference], prompt="", seed=1, fps=16, backend="instant",
    )  # fmt: skip
    before, after = frames_of(bench, clip), frames_of(bench, repair_window(asked, bench).clip)
    changed = [index for index in range(FRAMES) if not np.array_equal(before[index], after[index])]
    assert changed == [9, 10, 11, 12]
    assert instant.read_mark(after[12]).similarity == pytest.approx(0.8)


def test_a_clip_is_held_to_its_first_colours_where_that_is_asked_for(bench, reference, instant, monkeypatch):
    def brighten(self, prompt, clip, *rest):
        return [instant.picture(instant.Mark(), clip.size, shade=60 + number) for number in range(clip.frames)]

    monkeypatch.setattr(instant.Projector, "generate", brighten)
    first = keep(bench, instant.picture(instant.PERSON))
    drifts = [
        check_clip(frames_of(bench, animate(animating(reference, first, **asked), bench).clip), 16, None).colour_drift
        for asked in ({}, {"match_colours": True})
    ]
    assert drifts[0] > 20
    assert drifts[1] < drifts[0] / 3


def test_the_detailer_is_given_the_sure_faces_of_a_keyframe_nearest_first(bench, reference, instant, monkeypatch):
    given = []

    def detail(self, frames, faces, *rest):
        given.extend(faces)
        return frames

    analyze = instant.Analyzer.analyze

    def found(self, images):
        return [[*reversed(faces), replace(faces[0], score=0.1)] for faces in analyze(self, images)]

    clip = clip_of(bench, [instant.picture(instant.Mark(similarity=0.7, faces=3))] * FRAMES)
    monkeypatch.setattr(instant.Detailer, "detail", detail)
    asked = calls.FixKeyframes(
        clip=clip, frames=[12], references=[reference], prompt="", strength=0.4, seed=1, backend="instant"
    )
    monkeypatch.setattr(instant.Analyzer, "analyze", found)
    fix_keyframes(asked, bench)
    ((nearest, *others),) = given
    assert nearest.embedding[0] == pytest.approx(0.7)
    assert [face.embedding[0] for face in others] == [0, 0]


def test_the_contact_sheet_stays_below_its_limit(bench):
    noise = np.random.default_rng(0)
    frames = [noise.integers(0, 255, (480, 832, 3), dtype=np.uint8) for _ in range(9)]
    with bench.artifacts.new_file("mp4") as path:
        media.encode_mp4(frames, 16, path, "t", "c")
        video = bench.artifacts.put_file(path, "mp4")
    points = [calls.FramePoint(frame=i, similarity=None if i == 3 else 0.5) for i in range(9)]
    asked = calls.MakeContactSheet(video=video, fps=16, points=points, good_from=0.4, caption="By a recogniser.")
    assert len(bench.artifacts.read(make_contact_sheet(asked, bench).sheet)) <= 300_000
