"""The player inside a host: what it shows, and what it asks the host for."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Frame, expect

pytestmark = pytest.mark.chromium

Answer = Callable[..., dict[str, Any]]


NAME_OF_FOCUS = """(() => {
    const { ariaLabel, textContent, labels, tagName } = document.activeElement;
    return (ariaLabel || labels?.[0]?.textContent || textContent || tagName).slice(0, 34);
})()"""


def video_at(app: Frame) -> float:
    return float(app.locator("video").evaluate("video => video.currentTime"))


def test_the_video_plays_from_what_the_host_read(shown: Any, answer: Answer) -> None:
    app = shown.open(result=answer())
    video = app.locator("video")
    shown.visit.until(lambda: video.evaluate("video => video.readyState >= 2"))
    assert video.evaluate("video => [video.videoWidth, video.videoHeight, video.error]") == [160, 90, None]
    assert str(video.get_attribute("src")).startswith("data:video/mp4;base64,")
    expect(app.get_by_role("heading", level=1)).to_have_text("A woman walks through a desert at dusk and smiles.")


def test_the_evidence_stands_beside_the_video(shown: Any, answer: Answer) -> None:
    app = shown.open(result=answer())
    evidence = app.get_by_role("region", name="Evidence")
    expect(app.locator(".curve")).to_contain_text("well held from 0.70")
    for told in ("0.78", "dlib ResNet", "0.86", "passed the gate after 2 attempts", "89 %"):
        expect(evidence).to_contain_text(told)
    expect(app.get_by_text("preview: a sketch")).to_be_visible()
    expect(app.get_by_role("list", name="Warnings")).to_contain_text("The framing was loosened")
    made = app.get_by_role("region", name="How it was made")
    for told in ("a desert at dusk, full shot", "smiles softly", "/videos/2026-11-20 walks/video.mp4", "seed 7"):
        expect(made).to_contain_text(told)
    video, beside = app.locator("video").bounding_box(), evidence.bounding_box()
    assert video
    assert beside
    assert beside["x"] >= video["x"] + video["width"]


def test_a_click_on_a_candidate_makes_the_video_from_it_and_follows_it(shown: Any, answer: Answer) -> None:
    shown.tools["animate_first_frame"] = lambda given: answer("running", job_id="next", parent="job")
    shown.tools["get_video_job"] = lambda given: answer(job_id="next", prompt="The other one.", parent="job")
    app = shown.open(result=answer())
    app.get_by_role("button", name="Make the video from candidate 4: similarity 0.74, passed").click()
    expect(app.get_by_role("heading", level=1)).to_have_text("The other one.")
    assert shown.asked("animate_first_frame") == [{"job_id": "job", "candidate": 4, "wait_seconds": 0}]
    assert shown.asked("get_video_job")[0] == {"job_id": "next", "wait_seconds": 0}


def test_candidates_are_shown_with_their_scores_and_the_choice(shown: Any, answer: Answer) -> None:
    app = shown.open(result=answer(result=None, awaits="candidate"))
    expect(app.get_by_text("Choose the one that the video shall be made from.")).to_be_visible()
    names = [button.get_attribute("aria-label") for button in app.locator(".candidate").all()]
    assert names == [
        "Make the video from candidate 1: no face, did not pass",
        "Make the video from candidate 2: similarity 0.41, did not pass",
        "Make the video from candidate 3: similarity 0.86, passed, suggested",
        "Make the video from candidate 4: similarity 0.74, passed",
    ]
    shown.visit.until(lambda: app.locator(".candidate img").count() == 4)


def test_a_point_of_the_curve_takes_the_video_there(shown: Any, answer: Answer) -> None:
    app = shown.open(result=answer())
    shown.visit.until(lambda: app.locator("video").evaluate("video => video.readyState >= 2"))
    slider = app.get_by_role("slider", name="Similarity over time")
    box = app.locator(".plot svg").bounding_box()
    assert box
    shown.visit.page.mouse.move(box["x"] + box["width"] * 2.55 / 4, box["y"] + box["height"] / 2)
    expect(slider).to_have_attribute("aria-valuetext", "2.5 s: 0.62, less alike than it should be")
    expect(app.locator(".reading")).to_have_text("2.5 s: 0.62")
    shown.visit.until(lambda: video_at(app) == pytest.approx(2.5, abs=0.05))
    assert app.locator("video").evaluate("video => video.paused")


def test_arrow_keys_go_along_the_curve(shown: Any, answer: Answer) -> None:
    app = shown.open(result=answer())
    shown.visit.until(lambda: app.locator("video").evaluate("video => video.readyState >= 2"))
    slider = app.get_by_role("slider", name="Similarity over time")
    slider.focus()
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0.5 s: 0.84, well held")
    slider.press("End")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "3.5 s: 0.80, well held")
    shown.visit.until(lambda: video_at(app) == pytest.approx(3.5, abs=0.05))
    slider.press("Home")
    for _ in range(4):
        slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "2.0 s: no face")


def test_a_follow_up_goes_through_the_host_and_its_job_is_followed(shown: Any, answer: Answer) -> None:
    shown.tools["refine_identity_video"] = lambda given: answer("running", job_id="next", parent="job")
    shown.tools["get_video_job"] = lambda given: (
        answer(job_id="next", parent="job", prompt="Slower.", understood="Slower; the first frame is kept.")
        if given["job_id"] == "next"
        else answer()
    )
    app = shown.open(result=answer())
    app.get_by_role("textbox", name="What shall be different?").fill("slower, and let her smile")
    app.get_by_role("button", name="Change").click()
    expect(app.get_by_role("heading", level=1)).to_have_text("Slower.")
    expect(app.get_by_text("Slower; the first frame is kept.")).to_be_visible()
    told = {"job_id": "job", "instruction": "slower, and let her smile", "wait_seconds": 0}
    assert shown.asked("refine_identity_video") == [told]
    assert "next" in shown.heard("ui/update-model-context")[0]["content"][0]["text"]

    app.get_by_role("button", name="Back to the video before").click()
    expect(app.get_by_role("heading", level=1)).to_have_text("A woman walks through a desert at dusk and smiles.")


def test_a_question_back_is_asked_and_the_video_stays(shown: Any, answer: Answer) -> None:
    shown.tools["refine_identity_video"] = lambda given: answer(question="Which hat do you mean?")
    app = shown.open(result=answer())
    words = app.get_by_role("textbox", name="What shall be different?")
    words.fill("the other hat")
    words.press("Enter")
    expect(app.get_by_role("alert")).to_have_text("Which hat do you mean?")
    expect(words).to_have_value("the other hat")
    expect(app.locator("video")).to_be_visible()


def test_what_the_server_refuses_is_told_in_its_own_words(shown: Any, answer: Answer) -> None:
    refused = {"content": [{"type": "text", "text": "There is no job 'job'; list the jobs."}], "isError": True}
    shown.tools["animate_first_frame"] = lambda given: refused
    app = shown.open(result=answer())
    app.locator(".candidate").first.click()
    expect(app.get_by_role("alert")).to_have_text("There is no job 'job'; list the jobs.")


def test_progress_is_asked_for_until_the_job_ends(shown: Any, answer: Answer) -> None:
    looks = [answer("running", done=6, message="Animating: step 6 of 12"), answer()]
    shown.tools["get_video_job"] = lambda given: looks.pop(0) if len(looks) > 1 else looks[0]
    app = shown.open(result=answer("running"))
    expect(app.get_by_role("progressbar", name="Animating")).to_have_attribute("value", "6")
    expect(app.get_by_text("about 40 s to go")).to_be_visible()
    expect(app.locator("video")).to_be_visible(timeout=8000)
    expect(app.locator(".unseen[role=status]")).to_have_text("The video is ready.")
    asked = len(shown.asked("get_video_job"))
    shown.visit.page.wait_for_timeout(2500)
    assert len(shown.asked("get_video_job")) == asked == 2


@pytest.mark.parametrize(
    ("given", "begun"),
    [
        ({"prompt": "A  woman waves.", "reference": "me.png"}, {"prompt": "A woman waves."}),
        ({"job_id": "job"}, {"job_id": "job"}),
        ({"job_id": "before", "instruction": "slower"}, {"parent": "before"}),
    ],
)
def test_a_call_that_still_waits_shows_the_job_that_it_began(
    shown: Any, answer: Answer, job: Answer, given: dict[str, Any], begun: dict[str, Any]
) -> None:
    others = [job(job_id="old", **{name: value for name, value in begun.items() if name != "job_id"})]
    others.append(job("running", job_id="other", prompt="Another one."))
    running = job("running", **begun)
    shown.tools["list_video_jobs"] = lambda given: {"structuredContent": {"jobs": [*others, running]}}
    shown.tools["get_video_job"] = lambda given: answer("running", **begun)
    app = shown.open(given)
    expect(app.get_by_role("progressbar", name="Animating")).to_be_visible()
    shown.visit.until(lambda: shown.asked("get_video_job"))
    assert shown.asked("get_video_job")[0]["job_id"] == running["job_id"]
    shown.tell("ui/notifications/tool-cancelled", {})
    expect(app.get_by_role("heading", level=1)).to_have_text(running["prompt"])
    shown.tell("ui/notifications/tool-result", answer(**begun))
    expect(app.locator("video")).to_be_visible()


def test_a_page_that_nobody_sees_asks_for_nothing(shown: Any, answer: Answer) -> None:
    shown.tools["get_video_job"] = lambda given: answer("running")
    app = shown.open(result=answer("running"))
    shown.visit.until(lambda: shown.asked("get_video_job"))
    app.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    shown.visit.page.wait_for_timeout(2500)
    asked = len(shown.asked("get_video_job"))
    shown.visit.page.wait_for_timeout(2500)
    assert len(shown.asked("get_video_job")) == asked
    app.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    shown.visit.until(lambda: len(shown.asked("get_video_job")) > asked)


def test_a_running_job_can_be_cancelled(shown: Any, answer: Answer) -> None:
    shown.tools["get_video_job"] = lambda given: answer("running")
    shown.tools["cancel_video_job"] = lambda given: answer("cancelled", message="cancelled")
    app = shown.open(result=answer("running"))
    app.get_by_role("button", name="Cancel").click()
    expect(app.locator(".tags .chip").first).to_have_text("cancelled")
    expect(app.get_by_role("progressbar")).to_have_count(0)
    assert shown.asked("cancel_video_job") == [{"job_id": "job"}]


def test_a_job_that_failed_says_why_and_can_be_refined(shown: Any, answer: Answer) -> None:
    why = "The photo shows no face; choose one that shows the face from the front."
    failed = answer("failed", error={"kind": "InputError", "message": why, "attachments": {}}, message=why)
    app = shown.open(result={**failed, "isError": True})
    expect(app.get_by_role("alert")).to_have_text(why)
    expect(app.get_by_role("textbox", name="What shall be different?")).to_be_enabled()


def test_a_video_too_large_to_send_is_named_by_its_path(shown: Any, answer: Answer) -> None:
    del shown.resources["steadface://jobs/job/preview.mp4"]
    app = shown.open(result=answer())
    expect(app.get_by_role("alert")).to_contain_text("The file: /videos/2026-11-20 walks/video.mp4")
    expect(app.get_by_role("slider", name="Similarity over time")).to_be_visible()


def test_the_theme_of_the_host_is_followed(shown: Any, answer: Answer) -> None:
    def brightness() -> int:
        colour = app.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))

    shown.context = {"theme": "dark"}
    app = shown.open(result=answer())
    shown.visit.until(lambda: brightness() < 150)
    shown.tell("ui/notifications/host-context-changed", {"theme": "light"})
    shown.visit.until(lambda: brightness() > 600)
    variables = {"--color-background-primary": "rgb(1, 2, 3)", "background": "url(https://example.org/)"}
    shown.tell("ui/notifications/host-context-changed", {"styles": {"variables": variables}})
    shown.visit.until(lambda: brightness() == 6)


def test_everything_can_be_done_by_keyboard(shown: Any, answer: Answer) -> None:
    shown.tools["animate_first_frame"] = lambda given: answer("cancelled", job_id="next")
    app = shown.open(result=answer(parent="before", siblings=["beside"]))
    shown.visit.until(lambda: app.locator(".candidate img").count() == 4)
    reached = []
    app.locator("body").press("Tab")
    for _ in range(30):
        reached.append(app.evaluate(NAME_OF_FOCUS))
        if not reached[-1].startswith("Video:"):  # a video draws the rings of its own controls
            assert app.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached
        if reached[-1].startswith("Make the video from candidate 4"):
            break
        shown.visit.page.keyboard.press("Tab")
    for name in ("Back to the video before", "Other version 1", "Video: A woman walks", "Similarity over time"):
        assert any(stop.startswith(name) for stop in reached), reached
    shown.visit.page.keyboard.press("Enter")
    shown.visit.until(lambda: shown.asked("animate_first_frame"))
    assert shown.asked("animate_first_frame")[0]["candidate"] == 4
    expect(app.get_by_role("heading", level=1)).to_be_focused()


@pytest.mark.parametrize("scene", ["finished", "running", "studio"])
def test_every_control_and_picture_has_a_name(shown: Any, answer: Answer, nameless: Any, scene: str) -> None:
    shown.tools["get_video_job"] = lambda given: answer("running")
    results = {
        "finished": answer(parent="before", siblings=["beside"]),
        "running": answer("running"),
        "studio": {"content": [{"type": "text", "text": "The player is open."}]},
    }
    app = shown.open(result=results[scene])
    app.get_by_role("heading", level=1).wait_for()
    assert nameless(app) == []


def test_words_that_look_like_markup_stay_words(shown: Any, answer: Answer) -> None:
    evil = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"
    told = answer(prompt=evil, understood=evil)
    told["structuredContent"]["result"].update(warnings=[evil], temporal_prompt=evil, recogniser=evil)
    for candidate in told["structuredContent"]["candidates"]:
        candidate["spatial_prompt"] = evil
    app = shown.open(result=told)
    expect(app.get_by_role("heading", level=1)).to_have_text(evil)
    assert app.evaluate("window.broken") is None


@pytest.mark.parametrize("width", [320, 560, 1600])
def test_no_width_needs_sideways_scrolling(shown: Any, answer: Answer, width: int) -> None:
    shown.visit.page.set_viewport_size({"width": width, "height": 800})
    told = answer(prompt="A woman walks. " * 20, parent="before", siblings=["beside", "further"])
    told["structuredContent"]["result"]["folder"] = "/a" * 90
    app = shown.open(result=told)
    shown.visit.until(lambda: app.locator(".candidate img").count() == 4)
    assert app.evaluate("document.documentElement.scrollWidth") <= width


def test_the_host_is_told_how_high_the_page_is(shown: Any, answer: Answer) -> None:
    app = shown.open(result=answer())
    high = app.locator("#page").bounding_box()
    assert high
    expect(app.locator("video")).to_be_visible()
    told = "ui/notifications/size-changed"
    shown.visit.until(
        lambda: shown.heard(told)[-1]["height"] == pytest.approx(app.locator("#page").bounding_box()["height"], abs=1)
    )
    before = shown.heard(told)[-1]["height"]
    shown.tell("ui/notifications/tool-result", answer("cancelled", candidates=[], result=None))
    shown.visit.until(lambda: shown.heard(told)[-1]["height"] < before)


def test_the_video_is_saved_where_the_host_can(shown: Any, answer: Answer) -> None:
    shown.capabilities["downloadFile"] = {}
    app = shown.open(result=answer())
    app.get_by_role("button", name="Save the video").click()
    shown.visit.until(lambda: shown.heard("ui/download-file"))
    (link,) = shown.heard("ui/download-file")[0]["contents"]
    assert (link["type"], link["uri"]) == ("resource_link", "steadface://jobs/job/video.mp4")


def test_the_page_goes_when_the_host_takes_it_down(shown: Any, answer: Answer) -> None:
    shown.tools["get_video_job"] = lambda given: answer("running")
    app = shown.open(result=answer("running"))
    app.get_by_role("progressbar").wait_for()
    shown.visit.page.evaluate("send({id: 'end', method: 'ui/resource-teardown', params: {}})")
    shown.visit.until(lambda: {"jsonrpc": "2.0", "id": "end", "result": {}} in shown.messages)
    asked = len(shown.asked("get_video_job"))
    shown.visit.page.wait_for_timeout(2500)
    assert len(shown.asked("get_video_job")) == asked


def test_a_photo_from_this_device_begins_a_video(shown: Any, answer: Answer, picture: Any, tmp_path: Path) -> None:
    shown.tools["generate_identity_video"] = lambda given: answer("cancelled", prompt=given["prompt"])
    photo = tmp_path / "photo.png"
    photo.write_bytes(picture(90, (3000, 1500), "PNG"))
    app = shown.open(result={"content": [{"type": "text", "text": "The player is open."}]})
    make = app.get_by_role("button", name="Make the video")
    expect(app.get_by_text("Still missing: a photo, a sentence, the consent.")).to_be_visible()
    assert app.get_by_role("radio").evaluate_all("all => all.some(one => one.checked)") is False
    make.press("Enter")
    app.get_by_label("Photo of the person").set_input_files(photo)
    app.get_by_role("textbox", name="What do they do, and where?").fill("A woman waves.")
    app.get_by_role("radio", name="They agreed in writing").check()
    app.get_by_role("checkbox", name="Show me the first frames").check()
    expect(app.get_by_text("Still missing")).to_have_count(0)
    make.click()
    expect(app.get_by_role("heading", level=1)).to_have_text("A woman waves.")
    (given,) = shown.asked("generate_identity_video")
    photo_sent = given.pop("reference")
    assert given == {"prompt": "A woman waves.", "consent": "written", "stop_after": "first_frame", "wait_seconds": 0}
    assert len(photo_sent) < 3_000_000
    kind, data = photo_sent.split(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(BytesIO(base64.b64decode(data))) as sent:
        assert sent.size == (2000, 1000)


def test_a_file_that_is_no_picture_is_told(shown: Any, tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("no picture")
    app = shown.open(result={"content": [{"type": "text", "text": "The player is open."}]})
    app.get_by_label("Photo of the person").set_input_files(text)
    expect(app.get_by_role("alert")).to_have_text("notes.png cannot be read here; choose a JPEG, PNG or WebP picture.")


def test_a_call_that_was_refused_tells_why_and_offers_the_picker(shown: Any) -> None:
    refused = "There is no file photo.png; a photo attached in the chat does not reach this server."
    app = shown.open({"prompt": "waves"}, {"content": [{"type": "text", "text": refused}], "isError": True})
    expect(app.get_by_role("alert")).to_have_text(refused)
    expect(app.get_by_label("Photo of the person")).to_be_visible()
