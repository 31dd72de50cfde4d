from __future__ import annotations

from dataclasses import replace

import pytest

from tools.contracts import FRAMINGS
from tools.preview.camera import AT_REST
from tools.preview.motion import QUICK, SLOW, motion_of
from tools.preview.performance import HAIR_ROOM, Performance, Stage
from tools.preview.pose import REST

MOVES = [
    ("A woman, in an orange flight suit, walks across the launch pad at dawn, smiling as she looks up.", "across"),
    ("The man strolls along the pier.", "across"),
    ("The person is running through the rain.", "across"),
    ("A skier skis down the slope.", "across"),
    ("THE WOMAN SPRINTS!", "across"),
    ("The woman walks towards the camera.", "towards"),
    ("The man slowly approaches and waves.", "towards"),
    ("She strides confidently toward the viewer, hair in the wind.", "towards"),
    ("The woman comes closer.", "towards"),
    ("A woman dances under the lights.", "bob"),
    ("The man rides a horse along the beach.", "bob"),
    ("A man jogs on the spot.", "bob"),
    ("The woman works at a desk and types.", "bob"),
    ("The man talks to a friend, laughing.", "bob"),
    ("A woman plays the violin on stage.", "bob"),
    ("The woman turns her head and gazes at the sea.", "turn"),
    ("The man looks up.", "turn"),
    ("A woman in walking boots stands on a running track.", "turn"),
    ("Someone waits.", "turn"),
    ("", "turn"),
    ("The woman looks at the camera.", "turn"),
    ("The man looks towards the camera and smiles.", "turn"),
    ("She climbs, then walks away.", "bob"),
]

CAMERAS = [
    ("She waits. The camera slowly pulls back.", "pull out"),
    ("Zoom out from the face.", "pull out"),
    ("The camera pushes in on her face.", "push in"),
    ("He walks. The camera zooms in.", "push in"),
    ("The camera pans slowly to the left.", "pan left"),
    ("The camera pans across the room.", "pan right"),
    ("A tracking shot of a man.", "follow"),
    ("The woman walks.", "follow"),
    ("The woman waits in the panorama of a company.", "push in"),
]


@pytest.mark.parametrize(("prompt", "move"), MOVES)
def test_the_verb_chooses_the_move(prompt, move):
    assert motion_of(prompt).move == move


@pytest.mark.parametrize(("prompt", "camera"), CAMERAS)
def test_the_camera_does_what_the_prompt_says(prompt, camera):
    assert motion_of(prompt).camera == camera


@pytest.mark.parametrize(
    ("prompt", "look"),
    [
        ("She looks up at the rocket.", (0, 1)),
        ("He looks down at his hands.", (0, -1)),
        ("She turns her head to the left.", (-1, 0)),
        ("He glances right.", (1, 0)),
        ("She waits.", (0, 0)),
    ],
)
def test_looks_go_where_the_prompt_says(prompt, look):
    assert motion_of(prompt).look == look


@pytest.mark.parametrize(
    ("prompt", "tempo"),
    [
        ("The woman walks slowly across the sand.", SLOW),
        ("The woman walks, slower.", SLOW),
        ("The man quickly strides.", QUICK),
        ("The woman walks.", 1.0),
        ("The woman walks. The camera slowly pulls back.", 1.0),
        ("The camera zooms in quickly.", 1.0),
    ],
)
def test_adverbs_of_pace_count_where_they_are_not_the_cameras(prompt, tempo):
    assert motion_of(prompt).tempo == tempo


@pytest.mark.parametrize("framing", FRAMINGS)
def test_who_walks_slowly_does_not_get_as_far(framing):
    step = 0.15 if framing in ("full shot", "wide shot") else 0.0
    stage = Stage(framing, width=1.73, eyes=(0.5, 0.45), hair=0.4, step=step, seconds=5.0)
    ends = [
        Performance(motion_of(f"The woman walks {how}."), stage, seed=3).at(5.0)[0] for how in ("", "slowly", "quickly")
    ]
    usual, slow, quick = (pose.x for pose in ends)
    assert slow == pytest.approx(SLOW * usual)
    assert quick == pytest.approx(usual)
    assert ends[1].stride < ends[0].stride <= ends[2].stride


def test_a_smile_is_played_where_it_is_asked_for():
    assert motion_of("She waves with a bright smile.").smile
    assert not motion_of("She waits, and a faint smile comes and goes.").smile


def test_running_is_faster_than_walking():
    assert motion_of("He runs.").pace > motion_of("He walks.").pace


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("prompt", [prompt for prompt, _ in MOVES[::3]] + [prompt for prompt, _ in CAMERAS])
def test_every_motion_starts_from_rest_and_keeps_hair_and_scenery_in_the_picture(framing, prompt):
    step = 0.15 if framing in ("full shot", "wide shot") else 0.0
    stage = Stage(framing, width=1.73, eyes=(0.7, 0.45), hair=0.4, step=step, seconds=5.0)
    performance = Performance(motion_of(prompt), stage, seed=3)

    pose, camera = performance.at(0.0)
    assert (replace(pose, towards=False, heading=1), camera) == (REST, AT_REST)
    for frame in range(81):
        pose, camera = performance.at(frame / 16)
        top = stage.eyes[1] + pose.y - pose.head_lift - stage.hair * camera.zoom * (1 + pose.nearer) - camera.y
        assert top >= HAIR_ROOM - 1e-9
        assert abs(camera.x) <= 0.4
        assert 0.8 <= camera.zoom <= 1.25
        assert 0.12 * stage.width < stage.eyes[0] + pose.x - camera.x < 0.88 * stage.width


def test_where_legs_show_the_way_is_as_long_as_the_strides():
    stage = Stage("full shot", width=1.73, eyes=(0.5, 0.2), hair=0.1, step=0.15, seconds=5.0)
    performance = Performance(motion_of("The man walks to the right."), stage, seed=1)
    before, after = performance.at(2.0)[0], performance.at(3.0)[0]

    assert after.x - before.x == pytest.approx(stage.step * (after.stride - before.stride))
