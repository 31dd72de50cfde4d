"""Named people: what is kept of them, who is refused, and that nothing stays of somebody forgotten."""

from __future__ import annotations

import multiprocessing
import stat
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from agent import identities
from agent.consents import ConsentBook
from agent.database import Database
from agent.identities import Identities, Identity, checked_name, name_in
from agent.jobless import caller
from agent.people import forget_person, save_person
from agent.requests import Consent, Photo
from agent.serving.intake import read_photo
from agent.settings import load_settings
from agent.store import JobStore
from tools import media
from tools.artifacts import Artifacts
from tools.errors import InputError
from tools.pools.local import LocalPool

CONSENT = Consent(basis="written", source="stated by the user")

Save = Callable[..., Identity]


@pytest.fixture
def home(emptied_home: Path) -> Path:
    emptied_home.mkdir(exist_ok=True, mode=0o700)
    return emptied_home


@pytest.fixture
def people(instant: ModuleType, home: Path) -> Identities:
    return Identities(home)


@pytest.fixture
def consents(home: Path):
    book = ConsentBook(Database.of(home))
    yield book
    book.close()


@pytest.fixture
def save(people: Identities, kept_pool: LocalPool, home: Path, consents: ConsentBook) -> Save:
    """Save a person from pictures of the instant backends, or from photos by their path."""

    def run(name: str, photos: Sequence[tuple[bytes, str]], face: int | None = None, consent: Consent | None = CONSENT):
        recipe, artifacts = load_settings().recipe(), Artifacts(home)
        given = [Photo(image=artifacts.put(png, "png"), name=told) for png, told in photos]
        return save_person(people, name, given, face, consent, recipe, artifacts, partial(caller, kept_pool), consents)

    return run


@pytest.fixture
def shot(instant: ModuleType) -> Callable[..., tuple[bytes, str]]:
    """A photo in which the instant recogniser finds what the mark says."""

    def take(name: str, shade: int = 90, **mark: float) -> tuple[bytes, str]:
        given = instant.Mark(**{"similarity": 1.0, **mark})
        return media.png_bytes(instant.picture(given, shade=shade)), name

    return take


def files_under(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_person_is_kept_with_photos_faces_and_consent(people, save, shot, home):
    saved = save("Alice", [shot("front.png"), shot("side.png", similarity=0.8, yaw=20)])
    assert saved == Identities(home).get("@ALICE")
    assert (saved.consent.basis, saved.consent.scope) == ("written", "any video")
    assert [(photo.name, photo.similarity) for photo in saved.photos] == [
        ("front.png", pytest.approx(1)), ("side.png", pytest.approx(0.8, abs=0.01))
    ]  # fmt: skip
    assert saved.photos[0].face_at == (128, 92)
    assert saved.recogniser == "instant recogniser"
    taken = people.photos_of("alice", Artifacts(home))
    assert [(photo.name, photo.identity) for photo in taken] == [("front.png", "alice"), ("side.png", "alice")]


def test_only_their_owner_may_read_people(people, save, shot, home):
    save("alice", [shot("front.png")])
    folder = home / "identities" / "alice"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_similarity_is_measured_against_the_first_photo_with_a_frontal_face_large_enough(save, shot):
    turned, small = shot("turned.png", yaw=60), shot("small.png", side=45, similarity=0.95)
    saved = save("alice", [turned, shot("good.png", similarity=0.9), small], None)
    assert [photo.name for photo in saved.photos] == ["good.png", "turned.png", "small.png"]
    assert saved.photos[0].similarity == pytest.approx(1)


def test_where_every_face_is_turned_the_one_that_is_least_comes_first(save, shot):
    saved = save("alice", [shot("far.png", yaw=-70), shot("less.png", yaw=40), shot("more.png", yaw=50)])
    assert [photo.name for photo in saved.photos] == ["less.png", "far.png", "more.png"]


def test_a_photo_of_somebody_else_is_refused_by_name_and_nobody_is_saved(people, save, shot):
    for similarity in (0.1, 0.45):  # below what a job takes, and below what a first frame must reach
        with pytest.raises(InputError, match=rf"^other\.png.*similarity {similarity:.2f}"):
            save("alice", [shot("me.png"), shot("other.png", similarity=similarity)])
    assert people.names() == []


def test_a_photo_without_a_face_is_refused_at_once(people, save, shot):
    with pytest.raises(InputError, match="No face was found"):
        save("alice", [shot("wall.png", faces=0)])
    assert people.names() == []


def test_a_group_photo_asks_who_is_meant_and_the_place_of_the_face_is_kept(save, shot):
    group = shot("group.png", faces=2)
    with pytest.raises(InputError, match="choose the person with face=N"):
        save("alice", [group])
    first, second = save("first", [group], 1), save("second", [group], 2)
    assert (first.photos[0].face_at, second.photos[0].face_at) == ((64, 92), (192, 92))


def test_photos_are_added_to_a_person_who_is_known(save, shot):
    before = save("alice", [shot("one.png")])
    after = save("alice", [shot("two.png", shade=30, similarity=0.9), shot("one.png")], consent=None)
    assert [photo.name for photo in after.photos] == ["one.png", "two.png"]
    assert (after.created, after.consent) == (before.created, before.consent)
    with pytest.raises(InputError, match=r"other\.png"):
        save("alice", [shot("other.png", similarity=0.1)])
    with pytest.raises(InputError, match="leave out which"):
        save("alice", [shot("three.png", shade=60)], face=1)
    with pytest.raises(InputError, match="9 photos"):
        save("alice", [shot(f"{shade}.png", shade=shade) for shade in range(7)])


def test_consent_is_needed_for_somebody_new(save, shot):
    with pytest.raises(InputError, match="@alice is new"):
        save("alice", [shot("one.png")], consent=None)


@pytest.mark.parametrize("name", ["", "@", "a" * 41, "al ice", "../alice", "älice", "alice.png", ".forgotten-1"])
def test_a_name_is_short_and_plain(name):
    with pytest.raises(InputError, match="cannot be a person's name"):
        checked_name(name)


def test_only_an_at_sign_makes_a_reference_a_name():
    assert name_in("@Alice") == name_in(" @alice ") == "alice"
    assert name_in("alice.png") is None


def test_an_unknown_name_brings_the_nearest_ones(people, save, shot):
    save("alice", [shot("one.png")])
    with pytest.raises(InputError, match="There is nobody called @alcie; did you mean @alice"):
        people.get("@alcie")
    with pytest.raises(InputError, match="nobody called @bob among the saved people"):
        people.photos_of("bob", Artifacts(people.home))


def test_of_somebody_forgotten_nothing_is_left(people, save, shot, home, consents):
    save("alice", [shot("one.png"), shot("two.png", shade=30)])
    (home / "loras").mkdir()
    (home / "loras" / "hers.safetensors").touch()
    store = JobStore(home / "jobs.sqlite")
    identity, jobs = forget_person(people, "alice", False, Artifacts(home), store, consents)
    store.close()
    assert (identity.name, jobs, people.names()) == ("alice", [], [])
    assert not [file for file in files_under(home) if file.endswith((".png", ".json", ".safetensors"))]
    with pytest.raises(InputError, match="nobody called @alice"):
        people.forget("alice")


def test_forgetting_leaves_the_jobs_their_photos_and_tells_which_they_are(people, save, shot, home, consents):
    one, two = save("alice", [shot("one.png"), shot("two.png", shade=30)]).photos
    store, artifacts = JobStore(home / "jobs.sqlite"), Artifacts(home)
    store.add("made", {"photo": two.image}, {})
    _, jobs = forget_person(people, "alice", False, artifacts, store, consents)
    store.close()
    assert [job.id for job in jobs] == ["made"]
    assert (artifacts.exists(one.image), artifacts.exists(two.image)) == (False, True)


def test_consent_is_on_record_for_each_photo_and_a_photo_added_later(people, save, shot, consents):
    save("alice", [shot("one.png"), shot("two.png", shade=30)])
    saved = save("alice", [shot("three.png", shade=60)], consent=None)
    records = [consents.get(photo.consent) for photo in saved.photos]
    assert [(record.subject, record.reference) for record in records] == [
        ("alice", photo.image.removesuffix(".png")) for photo in saved.photos
    ]
    assert len({record.id for record in records}) == 3
    assert saved.consent.record == records[0].id


def test_where_consent_was_withdrawn_nobody_is_saved_until_the_owner_says_so_anew(people, save, shot, home, consents):
    save("alice", [shot("one.png")])
    store = JobStore(home / "jobs.sqlite")
    forget_person(people, "alice", True, Artifacts(home), store, consents)
    store.close()
    with pytest.raises(InputError, match="The consent for alice was withdrawn"):
        save("bob", [shot("one.png")], consent=Consent(basis="written", source="asserted by client"))
    saved = save("alice", [shot("one.png")])
    consents.revoke(saved.photos[0].consent)
    with pytest.raises(InputError, match="was withdrawn"):
        save("alice", [shot("two.png", shade=30)], consent=None)


def test_what_a_killed_process_left_goes_with_the_next_change(people, save, shot, home):
    folder = home / "identities"
    save("alice", [shot("one.png")])
    (folder / "alice").rename(folder / ".forgotten-before-the-files-went")
    (folder / "half").mkdir()
    (folder / "half" / "photo.png").touch()
    assert people.names() == []
    save("bob", [shot("one.png")])
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "bob"]


def test_a_change_by_somebody_else_meanwhile_is_not_overwritten(people, save, shot, home):
    old = save("alice", [shot("one.png")])
    save("alice", [shot("two.png", shade=30)], consent=None)
    with pytest.raises(InputError, match="changed by somebody else"):
        people.save(old, old, Artifacts(home))
    assert len(people.get("alice").photos) == 2


def test_people_of_a_client_are_nobody_elses(people, save, shot, home):
    saved = save("alice", [shot("one.png")])
    hers, his = Identities(home, "issuer her"), Identities(home, "issuer his")
    consent = Consent(basis="self", source="asserted by client")
    hers.save(saved.model_copy(update={"consent": consent}), None, Artifacts(home))
    assert his.all() == []
    assert hers.get("alice").consent.basis == "self"
    hers.forget("alice")
    assert people.get("alice") == saved


def test_a_client_keeps_only_so_many_people(people, save, shot, home, monkeypatch):
    monkeypatch.setattr(identities, "MOST_OF_CLIENT", 1)
    saved, hers = save("alice", [shot("one.png")]), Identities(home, "issuer her")
    hers.save(saved, None, Artifacts(home))
    with pytest.raises(InputError, match="1 people are saved already"):
        hers.save(saved.model_copy(update={"name": "bob"}), None, Artifacts(home))
    assert save("bob", [shot("one.png")]).name == "bob"


def _save_often(home: str, name: str, identity: str) -> None:
    people = Identities(Path(home))
    person = Identity.model_validate_json(identity).model_copy(update={"name": name})
    for _ in range(5):
        people.save(person, None, Artifacts(Path(home)))
        people.forget(name)
    people.save(person, None, Artifacts(Path(home)))


def test_two_processes_change_people_at_once(people, save, shot, home):
    saved = save("alice", [shot("one.png")])
    spawn = multiprocessing.get_context("spawn")
    processes = [
        spawn.Process(target=_save_often, args=(str(home), name, saved.model_dump_json())) for name in ("bob", "carol")
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(50)
    assert [process.exitcode for process in processes] == [0, 0]
    assert people.names() == ["alice", "bob", "carol"]
    assert all(people.photos_of(name, Artifacts(home)) for name in people.names())


def test_a_real_photo_is_looked_at_by_dlib(people, save, monkeypatch):
    for capability, backend in (("FACES", "dlib"), ("MATTING", "cutout")):
        monkeypatch.setenv(f"STEADFACE_{capability}", backend)
    photo = read_photo(Path("examples/astronaut.jpg"))
    saved = save("eileen", [(photo, "astronaut.jpg")])
    x, y = saved.photos[0].face_at
    assert saved.recogniser.startswith("dlib")
    assert 150 < x < 300
    assert 50 < y < 200
    assert saved.photos[0].side > 60
