import cv2
import numpy as np
import pytest

from tools.contracts import Box, Face
from tools.errors import InputError
from tools.faces.reference import annotate, choose_face, face_number_at, left_to_right

FLOOR = 0.3


def seen(x, side=100.0, score=1.0, y=50.0):
    return Face(Box(x, y, side, side), score, {}, np.zeros(128, np.float32))


def refusal(faces, chosen=None):
    with pytest.raises(InputError) as error:
        choose_face(faces, FLOOR, chosen)
    return str(error.value)


def test_the_only_face_is_chosen():
    assert choose_face([seen(10)], FLOOR, None) == 0


@pytest.mark.parametrize("faces", [[], [seen(10, score=0.12)]])
def test_a_photo_without_a_sure_face_is_refused(faces):
    assert refusal(faces).startswith("No face was found in the photo;")
    assert refusal(faces, chosen=1).startswith("No face was found in the photo;")


def test_faces_are_counted_from_left_to_right_and_faint_ones_not_at_all():
    faces = [seen(500, 200), seen(10), seen(300, score=0.1), seen(200, 90)]
    assert [face.box.x for face in left_to_right(faces, FLOOR)] == [10, 200, 500]
    assert [choose_face(faces, FLOOR, chosen) for chosen in (1, 2, 3)] == [0, 1, 2]


def test_several_faces_without_a_choice_say_how_to_choose_in_a_tool_and_at_a_terminal():
    message = refusal([seen(x) for x in range(0, 1200, 200)])
    assert "6 faces" in message
    assert "face=N (--face N)" in message
    assert "left to right" in message


def test_a_face_is_known_by_a_point_on_it_whatever_else_a_detector_finds():
    person, neighbour, faint = seen(300), seen(360), seen(10, score=0.1)
    assert face_number_at([neighbour, person, faint], FLOOR, (355, 100)) == 1
    assert face_number_at([seen(10), neighbour, person], FLOOR, (355, 100)) == 2
    with pytest.raises(InputError, match="No face was found in the photo where"):
        face_number_at([person, faint], FLOOR, (60, 100))


@pytest.mark.parametrize("chosen", [0, 3, -1])
def test_a_choice_that_is_not_there_is_refused_with_what_is(chosen):
    message = refusal([seen(0), seen(300)], chosen)
    assert f"no face {chosen} " in message
    assert "1 to 2" in message


def test_a_face_in_the_background_does_not_need_a_choice():
    assert choose_face([seen(400, 200, 1.2), seen(20, 60, 0.4)], FLOOR, None) == 1


@pytest.mark.parametrize("other", [seen(20, 120, 0.4), seen(20, 60, 1.5)])
def test_a_second_face_that_is_near_or_clearer_needs_a_choice(other):
    assert "2 faces" in refusal([seen(400, 200, 1.2), other])


def test_a_face_under_40_pixels_is_refused_with_its_size():
    assert "31 pixels" in refusal([seen(10, 31.2)])
    assert "31 pixels" in refusal([seen(10, 31.2), seen(300, 200)], chosen=1)
    assert choose_face([seen(10, 40)], FLOOR, None) == 0


def test_the_shorter_side_is_what_counts():
    wide = Face(Box(0, 0, 80, 38), 1.0, {}, np.zeros(128, np.float32))
    assert "38 pixels" in refusal([wide])


def test_every_refusal_is_one_sentence():
    for message in (refusal([]), refusal([seen(0), seen(300)]), refusal([seen(0)], 2), refusal([seen(0, 20)])):
        assert message.endswith(".")
        assert message.count(". ") == 0


def test_six_people_in_a_photo_are_numbered_as_they_stand(analyzer, portrait):
    head = cv2.resize(portrait[0:260, 90:350], None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    photo = np.full((480, 1280, 3), 140, np.uint8)
    tops = [40, 200, 10, 120, 240, 80]
    for left, top in zip(range(0, 1260, 211), tops, strict=True):
        photo[top : top + head.shape[0], left : left + head.shape[1]] = head
    faces = analyzer.analyze([photo])[0]
    assert "6 faces" in refusal(faces)
    people = left_to_right(faces, FLOOR)
    for number, top in enumerate(tops, start=1):
        assert people[choose_face(faces, FLOOR, number)].box.y == pytest.approx(top + 62, abs=12)


def test_the_annotated_picture_marks_each_face_and_leaves_the_photo_alone():
    photo = np.full((400, 600, 3), 90, np.uint8)
    before = photo.copy()
    marked = annotate(photo, [seen(50, y=100), seen(400, y=200)])
    assert np.array_equal(photo, before)
    assert marked.shape == photo.shape
    changed = (marked != photo).any(axis=2)
    for left, top in ((50, 100), (400, 200)):
        assert changed[top - 20 : top + 120, left - 20 : left + 120].any()
        assert not changed[top + 20 : top + 80, left + 20 : left + 80].any()
    assert not changed[100:380, 180:370].any()


def test_the_numbers_on_the_annotated_picture_differ():
    photo = np.full((400, 600, 3), 90, np.uint8)
    one, two = annotate(photo, [seen(50)]), annotate(photo, [seen(400), seen(50)])
    badge = np.s_[30:70, 30:70]
    assert not np.array_equal(one[badge], two[badge])


def test_a_large_photo_is_annotated_at_a_size_that_opens_fast():
    marked = annotate(np.zeros((3000, 4000, 3), np.uint8), [seen(1000, 800, y=900)])
    assert marked.shape == (1200, 1600, 3)
    assert marked[360:680, 390:410].any()


def test_a_badge_stays_inside_the_picture():
    marked = annotate(np.full((200, 300, 3), 90, np.uint8), [seen(-20, y=-20), seen(290, y=150)])
    assert (marked[0:30, 0:30] != 90).any()
    assert (marked[130:170, 270:300] != 90).any()
