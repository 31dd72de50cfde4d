"""The photo as a client gives it: paths in allowed folders, and photos sent whole."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest
from mcp import Client
from PIL import Image
from served import inside

from agent.intent import prepare
from agent.requests import MOST_PHOTOS, Photo
from agent.serving.engine import LateEngine
from agent.serving.intake import open_photo
from agent.serving.reach import Reach
from agent.serving.references import LARGEST_DATA, open_reference, photo_roots, photos_given
from agent.settings import load_settings
from tools.errors import InputError


@pytest.fixture(autouse=True)
def folders(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder and a working folder of the test's own, and a photo outside of both."""
    for name in ("user", "work", "outside", "added"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path / "work")
    for folder in ("work", "outside", "added"):
        (tmp_path / folder / "photo.jpg").write_bytes(_jpeg())


def test_a_photo_in_the_working_folder_is_read(tmp_path: Path) -> None:
    for given in ("photo.jpg", str(tmp_path / "work" / "photo.jpg")):
        data, name = open_reference(given, load_settings(), Reach.STDIO)
        assert name == "photo.jpg"
        assert Image.open(BytesIO(data)).size == (64, 48)


def test_a_folder_is_added_by_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = str(tmp_path / "added" / "photo.jpg")
    with pytest.raises(InputError, match="STEADFACE_ROOTS"):
        open_reference(photo, load_settings(), Reach.STDIO)
    monkeypatch.setenv("STEADFACE_ROOTS", os.pathsep.join([str(tmp_path / "none"), str(tmp_path / "added")]))
    assert open_reference(photo, load_settings(), Reach.STDIO)[1] == "photo.jpg"


def test_no_path_leads_out_of_the_folders(tmp_path: Path) -> None:
    (tmp_path / "work" / "link.jpg").symlink_to(tmp_path / "outside" / "photo.jpg")
    (tmp_path / "work" / "deeper").symlink_to(tmp_path / "outside")
    for given in ("link.jpg", "deeper/photo.jpg", "../outside/photo.jpg", str(tmp_path / "outside" / "photo.jpg"), "/"):
        with pytest.raises(InputError, match="outside the folders"):
            open_reference(given, load_settings(), Reach.STDIO)


def test_a_path_of_any_length_is_refused_in_a_sentence_that_can_be_read() -> None:
    with pytest.raises(InputError, match="outside the folders") as told:
        open_reference("/a.way" * 300, load_settings(), Reach.STDIO)
    assert str(told.value).startswith("/a.way/a.way")
    assert len(str(told.value)) < 1200


def test_a_missing_file_outside_the_folders_is_not_told_from_one_that_is_there(tmp_path: Path) -> None:
    sentences = set()
    for name in ("photo.jpg", "none.jpg"):
        with pytest.raises(InputError) as refused:
            open_reference(str(tmp_path / "outside" / name), load_settings(), Reach.STDIO)
        sentences.add(str(refused.value).replace(name, ""))
    assert len(sentences) == 1


def test_the_home_folder_itself_is_no_folder_for_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path / "user", tmp_path, Path("/")):
        monkeypatch.chdir(folder)
        assert folder not in photo_roots(load_settings())


@pytest.mark.parametrize("reach", list(Reach))
def test_a_photo_can_be_sent_whole(reach: Reach) -> None:
    text = base64.b64encode(_jpeg(size=(640, 480))).decode()
    wrapped = "\n".join(text[start : start + 76] for start in range(0, len(text), 76))
    for given in (f"data:image/jpeg;base64,{text}", f"DATA:;charset=x;base64,{wrapped}", text, wrapped):
        data, name = open_reference(given, load_settings(), reach)
        assert name == "photo"
        assert Image.open(BytesIO(data)).size == (640, 480)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "is empty"),
        ("https://example.org/photo.jpg", "STEADFACE_FETCH_URLS"),
        ("http://example.org/photo.jpg", "cannot be a URL"),
        ("file:///work/photo.jpg", "cannot be a URL"),
        (r"\\host\share\photo.jpg", "cannot be a URL"),
        ("photo\0.jpg", "cannot be read as a path"),
        ("~nobody-of-that-name/photo.jpg", "cannot be read as a path"),
        ("data:image/jpeg,plain", "is not base64"),
        ("data:image/jpeg;base64,@@@@", "base64 is damaged"),
        ("data:image/jpeg;base64,QUJD", "not an image"),
        ("data:image/jpeg;base64," + "A" * (LARGEST_DATA * 2), "at most 3 MB"),
    ],
)
def test_what_is_no_photo_is_refused_in_one_sentence(given: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as refused:
        open_reference(given, load_settings(), Reach.STDIO)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("reach", [Reach.LOOPBACK, Reach.NETWORK])
def test_a_path_is_refused_over_http(reach: Reach, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"call request_photo .* data: URI"):
        open_reference(str(tmp_path / "work" / "photo.jpg"), load_settings(), reach)


@pytest.fixture
def engine(home: Path, instant: ModuleType) -> Iterator[LateEngine]:
    engine = LateEngine()
    yield engine
    engine.close()


def test_photos_are_stored_in_the_order_in_which_they_were_given(engine: LateEngine) -> None:
    whole = base64.b64encode(_jpeg(size=(640, 480))).decode()
    photos = photos_given([" photo.jpg ", whole], engine, Reach.STDIO)
    sizes = [_size(engine, photo) for photo in photos]
    assert sizes == [(64, 48), (640, 480)]
    assert [photo.name for photo in photos] == ["photo.jpg", "photo"]


def test_one_photo_that_is_none_leaves_none_of_them_behind(engine: LateEngine, home: Path) -> None:
    with pytest.raises(InputError, match=r"no file none\.jpg"):
        photos_given(["photo.jpg", "none.jpg"], engine, Reach.STDIO)
    assert not list(home.glob("artifacts/*/*"))


def test_more_photos_than_one_video_may_have_are_not_even_opened(engine: LateEngine) -> None:
    with pytest.raises(InputError, match=f"at most {MOST_PHOTOS}"):
        photos_given(["none.jpg"] * (MOST_PHOTOS + 1), engine, Reach.STDIO)


def test_pictures_of_an_earlier_job_can_be_given(engine: LateEngine) -> None:
    job_id, running = _made(engine), engine.get()
    names = ("reference.png", "first_frame.png", "candidates/1.jpg", "candidates/2.jpg")
    photos = photos_given(_uris(job_id, *names), engine, Reach.NETWORK)
    reference, first_frame, *candidates = photos
    view = running.view(job_id)
    assert _size(engine, reference) == (64, 48)
    assert running.artifacts.read(first_frame.image) == Path(view.result.first_frame).read_bytes()
    assert [str(running.artifacts.path(each.image)) for each in candidates] == [each.file for each in view.candidates]
    assert reference.name == "photo.jpg"
    assert [photo.name for photo in photos[1:]] == [
        f"first frame of {job_id}", f"candidate 1 of {job_id}", f"candidate 2 of {job_id}",
    ]  # fmt: skip


def test_a_first_frame_that_was_moved_away_can_still_be_given(engine: LateEngine) -> None:
    job_id = _made(engine)
    Path(engine.get().view(job_id).result.first_frame).unlink()
    (photo,) = photos_given(_uris(job_id, "first_frame.png"), engine, Reach.STDIO)
    assert engine.get().artifacts.exists(photo.image)


def test_what_no_job_has_is_told(engine: LateEngine) -> None:
    job_id = _made(engine)
    for name, sentence in {
        "candidates/3.jpg": "no candidate 3; it has 2", "video.mp4": "is no picture", "../x": "is no picture",
    }.items():  # fmt: skip
        with pytest.raises(InputError, match=sentence):
            photos_given(_uris(job_id, name), engine, Reach.STDIO)
    for uri, sentence in {
        "steadface://jobs/none/first_frame.png": "There is no job 'none'", "steadface://jobs/": "none of this server's",
        "steadface://people/x": "none of this server's",
    }.items():  # fmt: skip
        with pytest.raises(InputError, match=sentence):
            photos_given([uri], engine, Reach.STDIO)


def _made(engine: LateEngine) -> str:
    """A finished job of the photo in the working folder."""
    running, settings = engine.get(), load_settings()
    asked = prepare(
        settings, prompt="waves", consent="synthetic", source="asserted by client", seed=7, out=None, face=None
    )
    photos = photos_given(["photo.jpg"], engine, Reach.STDIO)
    job_id = running.submit(asked.with_stored(photos), settings.recipe())
    assert running.wait(job_id, 40).status == "completed"
    return job_id


def _size(engine: LateEngine, photo: Photo) -> tuple[int, int]:
    return Image.open(BytesIO(engine.get().artifacts.read(photo.image))).size


def _uris(job_id: str, *names: str) -> list[str]:
    return [f"steadface://jobs/{job_id}/{name}" for name in names]


def _jpeg(size: tuple[int, int] = (64, 48)) -> bytes:
    out = BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(out, "JPEG")
    return out.getvalue()


@pytest.mark.anyio
async def test_a_call_opens_its_photo_once_for_the_consent_and_the_job(instant: ModuleType) -> None:
    open_photo.cache_clear()
    async with Client(inside()) as client:
        await client.call_tool("pause_queue", {})
        asked = {"reference": "photo.jpg", "prompt": "waves", "consent": "synthetic", "wait_seconds": 0}
        made = await client.call_tool("generate_identity_video", asked)
        await client.call_tool("cancel_video_job", {"job_id": made.structured_content["job_id"]})
    assert open_photo.cache_info().misses == 1
