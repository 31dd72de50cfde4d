"""The command line: what people see, for good input and for bad."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from agent.cli import app

ASTRONAUT = Path("examples/astronaut.jpg")


@pytest.fixture
def steadface(home):
    """Run the command as a person would; every outcome is free of stack traces."""

    def run(*words, **environment):
        done = subprocess.run(
            [sys.executable, "server.py", *map(str, words)],
            capture_output=True,
            text=True,
            env=os.environ | environment,
            timeout=100,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def invoke():
    """The command within this process, for what a process of its own would show just so."""

    def run(*words, **environment):
        done = CliRunner(env=environment).invoke(app, [*map(str, words)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


@pytest.fixture
def refused(invoke, tmp_path):
    """The one sentence with which ``generate`` refuses; nothing may be left behind."""

    def run(*words, **environment):
        given = {
            "--reference": ASTRONAUT,
            "--prompt": "A woman waves.",
            "--consent": "licensed",
            "--out": tmp_path / "out",
        }
        given |= dict(zip(words[::2], words[1::2], strict=True))
        flat = [word for pair in given.items() if pair[1] is not None for word in pair]
        done = invoke("generate", *flat, **environment)
        assert done.exit_code == 2
        assert done.stdout == ""
        assert not (tmp_path / "out").exists()
        (sentence,) = re.findall(r"^steadface: (.+)$", done.stderr, re.MULTILINE)
        return sentence

    return run


def test_a_video_is_made_and_its_figures_are_told(instant, steadface, tmp_path):
    done = steadface(
        *("generate", "--reference", ASTRONAUT, "--prompt", "similarity=0.9", "--consent", "licensed", "--seed", "5"),
        *("--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "out" / "video.mp4") in done.stdout
    for figure in (
        "similarity 0.900 (instant recogniser)",
        "attempts 1",
        "identity_skip",
        "identity_zero",
        "face_rate",
    ):
        assert figure in done.stdout
    assert "animate" in done.stdout
    assert "Animating" in done.stderr


def test_json_is_all_that_is_printed_where_it_is_asked_for(instant, steadface, tmp_path):
    done = steadface(
        *("generate", "--reference", ASTRONAUT, "--prompt", "similarity=0.9", "--consent", "self", "--json"),
    )
    view = json.loads(done.stdout)
    assert view["status"] == "completed"
    assert Path(view["result"]["video"]).is_file()
    assert Path(view["result"]["folder"]).parent == Path(os.environ["STEADFACE_VIDEOS"])
    assert done.stderr == ""


def test_an_impossible_gate_fails_and_names_the_best_first_frame(invoke, shared_engine):
    done = invoke(
        *("generate", "--reference", ASTRONAUT, "--prompt", "similarity=0.9", "--consent", "self"),
        *("--on-gate-failure", "fail", "--threshold", "1"),
    )
    assert done.exit_code == 1
    (path,) = re.findall(r"The best first frame is kept at (\S+\.png)\.", done.stderr)
    assert Path(path).is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--reference", "nowhere.jpg"), "nowhere.jpg"),
        (("--reference", "examples"), "folder"),
        (("--reference", "LICENSE"), "not an image"),
        (("--prompt", "   "), "empty"),
        (("--prompt", "a" * 20_000), "20,000 characters"),
        (("--consent", None), "Consent is missing"),
        (("--consent", "maybe"), "self, written, licensed, synthetic"),
        (("--preset", "nope"), "preview"),
        (("--on-gate-failure", "perhaps"), "'best' or 'fail'"),
        (("--out", "/dev/null"), "folder"),
        (("--out", "/proc/nowhere"), "cannot be written"),
    ],
)
def test_bad_input_gets_one_sentence(refused, words, says):
    assert says in refused(*words)


def test_a_bad_setting_is_named(steadface):
    done = steadface(
        *("generate", "--reference", ASTRONAUT, "--prompt", "waves", "--consent", "self"), STEADFACE_WIDTH="3"
    )
    assert (done.returncode, done.stdout) == (2, "")
    (sentence,) = re.findall(r"^steadface: (.+)$", done.stderr, re.MULTILINE)
    assert "STEADFACE_WIDTH" in sentence


def photo_of(tmp_path, make):
    path = tmp_path / "photo.png"
    make(Image.open(ASTRONAUT)).save(path)
    return path


def six(portrait):
    picture = Image.new("RGB", (1536, 1024))
    for place in range(6):
        picture.paste(portrait, (place % 3 * 512, place // 3 * 512))
    return picture


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda portrait: portrait.crop((0, 330, 512, 512)), "No face was found"),
        (lambda portrait: portrait.resize((150, 150)), "pixels wide and at least 40"),
        (six, "6 faces; choose the person with face=N (--face N)"),
    ],
)
def test_a_photo_that_cannot_work_is_refused_with_what_to_do(refused, shared_engine, tmp_path, monkeypatch, make, says):
    monkeypatch.delenv("STEADFACE_FACES")  # the recogniser of the preset looks
    assert says in refused("--reference", photo_of(tmp_path, make))


def test_a_photo_given_as_cmyk_rotated_or_heic_works(invoke, shared_engine, tmp_path):
    import pillow_heif

    portrait = Image.open(ASTRONAUT)
    turned = Image.Exif()
    turned[0x112] = 6
    portrait.convert("CMYK").save(tmp_path / "cmyk.jpg")
    portrait.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=turned)
    pillow_heif.from_pillow(portrait).save(tmp_path / "photo.heic")
    for name in ("cmyk.jpg", "turned.jpg", "photo.heic"):
        done = invoke(
            *("generate", "--reference", tmp_path / name, "--prompt", "similarity=0.9", "--consent", "self"),
            *("--out", tmp_path / name.replace(".", "_")),
        )
        assert done.exit_code == 0, done.stderr


def test_jobs_are_listed_and_an_unknown_one_cannot_be_cancelled(invoke, instant):
    invoke("generate", "--reference", ASTRONAUT, "--prompt", "similarity=0.9", "--consent", "self")
    listed = invoke("jobs").stdout
    assert re.fullmatch(r"\S+  completed  similarity=0\.9\n", listed)
    done = invoke("cancel", "nobody")
    assert done.exit_code == 2
    assert "There is no job 'nobody'" in done.stderr


def test_the_doctor_says_that_the_preview_is_ready(steadface):
    assert re.search(r"^preview +ready$", steadface("doctor").stdout, re.MULTILINE)


def test_the_doctor_names_what_is_missing(invoke, home):
    told = invoke("doctor", STEADFACE_FACES="nobody").stdout
    assert "nobody" in told
    assert "ready" not in told


def test_a_video_is_changed_by_a_follow_up(invoke, shared_engine):
    made = invoke(
        *("generate", "--reference", ASTRONAUT, "--prompt", "similarity=0.9", "--consent", "licensed", "--json")
    )
    job = json.loads(made.stdout)["job_id"]
    changed = invoke("refine", job, "motion waves", "--json")
    assert changed.exit_code == 0, changed.stderr
    view = json.loads(changed.stdout)
    assert (view["parent"], view["prompt"]) == (job, "waves")
    assert "Understood as motion." in changed.stderr
    asked = invoke("refine", job, "hmm")
    assert asked.exit_code == 2
    assert "What shall change?" in asked.stderr
    assert "There is no job 'none'" in invoke("refine", "none", "slower").stderr


def test_first_frames_are_shown_and_the_chosen_one_becomes_a_video(invoke, shared_engine, tmp_path):
    painted = invoke(
        *("generate", "--reference", ASTRONAUT, "--prompt", "similarity=0.3 yaw=60 then similarity=0.9"),
        *("--consent", "licensed", "--stop-after", "first_frame", "--out", tmp_path / "painted"),
    )
    assert painted.exit_code == 0, painted.stderr
    assert str(tmp_path / "painted" / "contact_sheet.jpg") in painted.stdout
    assert "candidate 1   similarity 0.300 (instant recogniser), did not pass" in painted.stdout
    assert "candidate 3   similarity 0.900 (instant recogniser), passed, the gate's choice" in painted.stdout
    job = re.search(r"steadface animate (\S+) NUMBER", painted.stdout)[1]
    made = invoke("animate", job, "2", "--json")
    assert made.exit_code == 0, made.stderr
    view = json.loads(made.stdout)
    assert (view["parent"], view["result"]["first_frame_passed"]) == (job, False)
    assert "has no candidate 5; its first frames are 1 to 4." in invoke("animate", job, "5").stderr


def test_the_curve_of_a_result_names_the_tiles_of_its_contact_sheet(invoke, shared_engine):
    words = ("generate", "--reference", ASTRONAUT, "--prompt", "damage=16-40", "--consent", "licensed", "--json")
    result = json.loads(invoke(*words, STEADFACE_MAX_REPAIRS="0").stdout)["result"]
    shown = [point for point in result["curve"] if point["tile"]]
    assert [point["tile"] for point in shown] == list(range(1, len(shown) + 1))
    assert 1 < len(shown) <= len(result["curve"])
    assert [point["similarity"] > result["good_from"] for point in shown] == [point["frame"] < 16 for point in shown]
    assert shown[-1]["second"] == pytest.approx(40 / 16)
