"""The report of a job and its page."""

import json
import re
import shutil
import subprocess
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from agent.report import SKETCH_NOTICE, Report, json_schema
from agent.report_chart import chart_of
from agent.report_page import render_page
from tools.contracts import Thresholds

ROOT = Path(__file__).parents[1]
THRESHOLDS = Thresholds(
    first_frame=0.5, video_mean=0.45, video_p10=0.4, smallest_face=48, detector_floor=0.3, widest_yaw=25.0
)


def artifact(number, kind="png"):
    return f"{number:064x}.{kind}"


def face(side, score=1.6):
    return {"x": 300, "y": 90, "width": side, "height": side, "detector_score": score, "yaw": -3.2, "roll": 0.5}


def candidate(number, image, similarity, side, passed):
    return {
        "number": number,
        "seed": 1_000_003 * image,
        "image": artifact(image),
        "similarity": similarity,
        "largest_similarity": similarity,
        "face": None if similarity is None else face(side),
        "face_count": 0 if similarity is None else 1,
        "passed": passed,
    }


def a_report(**changes):
    """A wide shot that failed, then a full shot that passed; three frames of the video show no face."""
    started = datetime(2026, 11, 20, 23, 31, tzinfo=UTC)
    similarities = [0.84, 0.83, 0.81, 0.79, 0.74, None, None, 0.66, 0.71, 0.42, 0.77, 0.8, 0.82, 0.81, 0.79, 0.8]
    seen = [similarity for similarity in similarities if similarity is not None]
    mean = sum(seen) / len(seen)
    told = {
        "steadface": "0.1.0",
        "job_id": "01JD3Z0V7J",
        "created": started,
        "finished": started + timedelta(seconds=17),
        "preset": "preview",
        "sketch": True,
        "notice": SKETCH_NOTICE,
        "backends": {"planner": "rules", "first_frame": "preview", "video": "preview", "faces": "dlib"},
        "options": {},
        "request": {
            "prompt": "A wide shot of a woman, tiny in a vast desert, walking towards the camera at dusk.",
            "photo_name": "astronaut.jpg",
            "more_photo_names": [],
            "face": None,
            "seed": 7,
            "consent": {"basis": "licensed", "source": "stated by the user"},
            "width": 832,
            "height": 480,
            "frames": 81,
            "fps": 16,
            "refines": None,
            "understood": None,
            "match_colours": False,
            "candidates": 2,
            "max_attempts": 3,
            "on_gate_failure": "best",
        },
        "reference": {
            "photo": artifact(1),
            "face": face(120),
            "cut_method": "grabcut",
            "presentation": "woman",
        },
        "recogniser": {"name": "dlib ResNet", "thresholds": THRESHOLDS},
        "planner": {"name": "rules", "templates": {}, "notes": []},
        "temporal_prompt": "A woman walks towards the camera through a vast desert at dusk, her eyes steady.",
        "attempts": [
            {
                "number": 1,
                "move": "first",
                "planner": "rules",
                "spatial_prompt": "a woman, calm face, in a vast desert at dusk, wide shot",
                "framing": "wide shot",
                "loosened": None,
                "candidates": [candidate(1, 11, None, 0, False), candidate(2, 12, 0.61, 30, False)],
                "diagnosis": {"cause": "small_face", "message": "The face is 30 px, below the smallest size of 48 px."},
            },
            {
                "number": 2,
                "move": "closer_framing",
                "planner": "rules",
                "spatial_prompt": "a woman, calm face, in a vast desert at dusk, full shot",
                "framing": "full shot",
                "loosened": "The framing was loosened from 'wide shot' to 'full shot', because the face was too small.",
                "candidates": [candidate(1, 21, 0.82, 56, True), candidate(2, 22, 0.79, 58, True)],
                "diagnosis": None,
            },
        ],
        "chosen": {"attempt": 2, "candidate": 1, "similarity": 0.82, "passed": True},
        "gate": {
            "threshold": 0.5,
            "passed": True,
            "warning": None,
            "loosened": ["The framing was loosened from 'wide shot' to 'full shot', because the face was too small."],
        },
        "video": {
            "file": artifact(30, "mp4"),
            "width": 832,
            "height": 480,
            "frames": 81,
            "fps": 16,
            "seconds": 5.0625,
            "bytes": 1_240_000,
            "identity_skip": mean,
            "identity_zero": sum(seen) / len(similarities),
            "face_rate": len(seen) / len(similarities),
            "p10": 0.66,
            "drift": 0.84 - mean,
            "whole": {"first_frame_distance": 1.2, "flash": 0.2, "colour_drift": 4.0, "motion": 2.5},
            "points": [{"frame": round(i * 80 / 15), "similarity": s} for i, s in enumerate(similarities)],
            "passed": True,
        },
        "repairs": [],
        "timings": [
            {"stage": "inspect_reference", "seconds": 1.31, "tool_seconds": 1.3},
            {"stage": "decouple_prompt", "seconds": 0.01, "tool_seconds": 0.0},
            {"stage": "generate_first_frames", "seconds": 2.2, "tool_seconds": 2.19},
            {"stage": "score_first_frames", "seconds": 0.5, "tool_seconds": 0.5},
            {"stage": "generate_first_frames", "seconds": 2.1, "tool_seconds": 2.09},
            {"stage": "score_first_frames", "seconds": 0.5, "tool_seconds": 0.5},
            {"stage": "animate", "seconds": 5.9, "tool_seconds": 5.89},
            {"stage": "score_video", "seconds": 3.0, "tool_seconds": 3.0},
        ],
        "events": ["The render worker died and was replaced; its call was run again."],
        "warnings": ["The framing was loosened from 'wide shot' to 'full shot', because the face was too small."],
        "files": {"video": "video.mp4", "first_frame": "first_frame.png"},
    }
    return Report.model_validate({**told, **changes})


def picture(shade):
    out = BytesIO()
    Image.new("RGB", (83, 48), (shade, 120, 90)).save(out, "PNG")
    return out.getvalue()


IMAGES = {artifact(number): picture(10 * number) for number in (11, 12, 21, 22)}


def page_of(report, video=b"not really a video"):
    return render_page(report, video, IMAGES)


class Reader(HTMLParser):
    """What a browser would load, and whether every tag closes."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.text = [], [], ""
        self.tags = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "poster", "xlink:href", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


def read(page):
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    return reader


def test_a_report_survives_its_file():
    report = a_report()
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_the_file_says_which_schema_it_has():
    assert json.loads(a_report().model_dump_json())["schema_version"] == 1
    with pytest.raises(ValidationError):
        a_report(schema_version=2)


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="extra"):
        a_report(similarity=0.9)


def test_the_published_schema_is_that_of_the_code():
    published = (ROOT / "docs" / "report.schema.json").read_text()
    assert published == json_schema(), "write it again: python -m agent.report > docs/report.schema.json"


def test_the_page_asks_for_nothing_outside():
    page = page_of(a_report())
    assert "default-src 'none'" in page
    reader = read(page)
    assert reader.loads
    assert all(value.startswith("data:") for value in reader.loads)
    assert "script" not in reader.tags
    assert not re.search(r"url\(|@import|https?://", page)


def test_the_page_holds_the_video_and_the_pictures():
    page = page_of(a_report())
    assert f'src="data:video/mp4;base64,{b64encode(b"not really a video").decode()}"' in page
    for name, data in IMAGES.items():
        times = 2 if name == artifact(21) else 1  # the chosen first frame is the poster too
        assert page.count(b64encode(data).decode()) == times


def test_the_page_tells_scores_prompts_and_moves():
    text = " ".join(read(page_of(a_report())).text.split())
    for words in (
        "Identity held",
        "passed the gate with similarity 0.82 (0.50 asked)",
        "dlib ResNet",
        "identity_skip",
        "identity_zero",
        "88 %",
        "no face",
        "The face is 30 px, below the smallest size of 48 px.",
        "→ closer framing",
        "A woman walks towards the camera through a vast desert at dusk, her eyes steady.",
        "generate first frames ×2",
        "4.3 s",
        "The render worker died and was replaced",
        "licensed, stated by the user",
        "seed 21000063",
    ):
        assert words in text


def test_what_a_revision_changed_is_marked():
    page = page_of(a_report())
    assert re.findall(r"<mark>(.*?)</mark>", page) == ["full shot"]


def test_a_sketch_says_so():
    assert "The pixels are a sketch" in page_of(a_report())
    assert "sketch" not in page_of(a_report(sketch=False, notice=None)).lower()


def test_warnings_come_before_the_video():
    page = page_of(a_report(warnings=["No first frame passed the gate."]))
    assert page.index("No first frame passed the gate.") < page.index("<video")


def test_a_prompt_is_text_and_nothing_else():
    evil = """</title><script>alert(1)</script><img src=x onerror="alert(2)">' "quoted" & 日本語 😀"""
    report = a_report()
    request = report.request.model_dump() | {"prompt": evil}
    attempt = report.attempts[0].model_dump() | {"spatial_prompt": evil}
    reader = read(page_of(a_report(request=request, attempts=[attempt], chosen=None, temporal_prompt=evil)))
    assert "script" not in reader.tags
    assert all(value.startswith("data:") for value in reader.loads)
    assert evil in reader.text


def test_options_and_further_photos_are_on_the_page():
    request = a_report().request.model_dump() | {"more_photo_names": ["beach.jpg", "<b>.png"]}
    page = page_of(a_report(options={"video": {"steps": 30}}, request=request))
    assert "preview (steps 30)" in page
    assert "beach.jpg, &lt;b&gt;.png" in page


def test_a_follow_up_names_the_job_before_it_and_what_was_understood():
    request = a_report().request.model_dump() | {"refines": "abc123", "understood": "Slower; the first frame is kept."}
    text = " ".join(read(page_of(a_report(request=request))).text.split())
    assert "A follow-up of the job abc123: Slower; the first frame is kept." in text
    assert "A follow-up" not in page_of(a_report())


def test_what_was_not_reached_is_said():
    report = a_report()
    chosen = report.chosen.model_dump() | {"passed": False, "similarity": 0.31}
    video = report.video.model_dump() | {"passed": False, "identity_skip": None, "p10": None, "drift": None}
    text = " ".join(read(page_of(a_report(chosen=chosen, video=video))).text.split())
    assert "Identity not held" in text
    assert "did not pass the gate" in text
    assert "No face was found in the video." in text


def test_a_report_without_first_frames_or_video_has_a_page():
    text = read(render_page(a_report(attempts=[], chosen=None, gate=None, video=None), None, {})).text
    assert "The job ended before the video." in " ".join(text.split())


def test_the_curve_breaks_where_no_face_was_found():
    chart = chart_of(a_report().video, THRESHOLDS)
    assert (len(chart.dots), len(chart.segments), len(chart.faceless)) == (14, 12, 2)
    assert not any(a.x1 < band.x + band.width / 2 < a.x2 for a in chart.segments for band in chart.faceless)
    assert [dot.label for dot in chart.dots if not dot.good] == []


def test_the_curve_lies_where_its_numbers_are():
    chart = chart_of(a_report().video, THRESHOLDS)
    assert (chart.dots[0].x, chart.dots[-1].x) == (0, 100)
    assert chart.dots[0].y == pytest.approx(16)
    assert [mark.at for mark in chart.thresholds] == pytest.approx([55, 60])
    assert [mark.label for mark in chart.across] == ["0 s", "1 s", "2 s", "3 s", "4 s", "5 s"]


REPAIR = {
    "first": 10, "last": 30, "keyframes": [20], "drifted": (11, 26), "before": 0.7, "after": 0.8,
    "curve_before": [{"frame": 10, "similarity": 0.8}, {"frame": 16, "similarity": 0.1}],
    "curve_after": [{"frame": 10, "similarity": 0.8}, {"frame": 16, "similarity": 0.7}],
    "fit": {"seam": 1.0, "usual_step": 1.0, "motion_before": 1.0, "motion_after": 1.0},
    "accepted": True, "objection": None,
}  # fmt: skip


def test_the_curve_before_a_repair_is_shown_where_it_was_taken():
    taken, refused = REPAIR, REPAIR | {"accepted": False, "objection": "The similarity did not rise."}
    report = a_report(repairs=[taken, refused])
    (segment,) = chart_of(report.video, THRESHOLDS, report.repairs).before
    assert (segment.y1, segment.y2) == pytest.approx((20, 90))
    page = page_of(report)
    assert "dashed as it was before the repair" in page
    assert "no: The similarity did not rise." in page


def test_a_similarity_below_zero_stays_in_the_plot():
    video = a_report().video
    points = [point.model_dump() | {"similarity": -0.2} for point in video.points]
    chart = chart_of(a_report(video=video.model_dump() | {"points": points}).video, THRESHOLDS)
    assert {dot.y for dot in chart.dots} == {100.0}


@pytest.mark.chromium
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the Debian package chromium")
def test_a_browser_draws_the_page_and_refuses_none_of_it(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page_of(a_report()))
    run = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--window-size=1200,2400"),
            *(f"--screenshot={tmp_path / 'page.png'}", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert "Content Security Policy" not in run.stderr
    with Image.open(tmp_path / "page.png") as image:
        assert image.size == (1200, 2400)
        assert len(image.getcolors(1 << 24)) > 100
