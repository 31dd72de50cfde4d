"""The gallery in a browser: the jobs of a server, and one of them with all that the player shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.chromium

Job = Callable[..., dict[str, Any]]


def queries(site: Any) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(path).query) for path in site.asked if path.startswith("/api/jobs?")]


@pytest.fixture
def jobs(gallery: Any, job: Job) -> list[dict[str, Any]]:
    told = [
        job(job_id="one"),
        job("running", job_id="two", prompt="A man reads a letter.", candidates=[]),
        job("failed", job_id="three", prompt="<b>Nobody</b> waves.", candidates=[], message="The photo shows no face."),
    ]
    gallery.site.json("/api/jobs", {"jobs": told})
    for each in told:
        gallery.site.json(f"/api/jobs/{each['job_id']}", each)
    return told


def test_a_cancelled_job_says_so_once(gallery: Any, job: Job) -> None:
    gallery.site.json("/api/jobs", {"jobs": [job("cancelled", candidates=[], message="cancelled")]})
    card = gallery.open().get_by_role("listitem")
    expect(card.get_by_text("cancelled")).to_have_count(1)


def test_a_failed_job_shows_the_picture_of_its_error(gallery: Any, job: Job, picture: Any) -> None:
    error = {"kind": "InputError", "message": "Two faces.", "attachments": {"numbered_faces": "faces.png"}}
    gallery.site.json("/api/jobs/one", job("failed", job_id="one", candidates=[], message="Two faces.", error=error))
    gallery.site.file("/jobs/one/attachments/numbered_faces.jpg", picture(90), "image/jpeg")
    page = gallery.open("#/jobs/one")
    shown = page.get_by_role("figure").filter(has_text="numbered faces").locator("img")
    gallery.visit.until(lambda: shown.evaluate("image => image.naturalWidth") == 320)


def test_every_job_is_shown_with_its_picture_and_how_it_went(gallery: Any, jobs: Any) -> None:
    page = gallery.open()
    cards = page.get_by_role("listitem")
    expect(cards).to_have_count(3)
    expect(cards.nth(0)).to_contain_text("similarity 0.78, 4.0 s")
    expect(cards.nth(1).get_by_role("progressbar", name="Animating: step 3 of 12")).to_be_visible()
    expect(cards.nth(2)).to_contain_text("<b>Nobody</b> waves.")
    expect(cards.nth(2)).to_contain_text("The photo shows no face.")
    gallery.visit.until(lambda: "/jobs/one/candidates/3.jpg" in gallery.site.asked)
    expect(page.get_by_text("3 jobs")).to_be_visible()


def test_filters_ask_the_server(gallery: Any, jobs: Any) -> None:
    page = gallery.open()
    page.get_by_role("combobox", name="Status").select_option("completed")
    page.get_by_role("searchbox", name="Words").fill("desert")
    gallery.visit.until(lambda: {"status": ["completed"], "q": ["desert"], "limit": ["100"]} in queries(gallery.site))
    page.get_by_role("combobox", name="Preset").select_option("preview")
    expect(page.get_by_role("listitem")).to_have_count(1)


def test_a_card_opens_its_job_and_the_way_back_leads_to_the_list(gallery: Any, jobs: Any) -> None:
    page = gallery.open()
    page.get_by_role("link", name=re.compile("A woman walks")).click()
    video = page.locator("video")
    gallery.visit.until(lambda: video.evaluate("video => video.readyState >= 2"))
    expect(page.get_by_role("slider", name="Similarity over time")).to_be_visible()
    report = page.get_by_role("link", name="The whole report")
    expect(report).to_have_attribute("href", "/jobs/one/report.html")
    page.get_by_role("link", name="All videos").click()
    expect(page.get_by_role("listitem")).to_have_count(3)


def test_a_follow_up_is_posted_and_its_job_followed(gallery: Any, jobs: Any, job: Job) -> None:
    page = gallery.open("#/jobs/one")
    gallery.site.json("/api/jobs/one/refine", job("running", job_id="next", parent="one", prompt="Slower."))
    gallery.site.json("/api/jobs/next", job("running", job_id="next", parent="one", prompt="Slower.", done=7))
    page.get_by_role("textbox", name="What shall be different?").fill("slower")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Slower.")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "7")
    assert gallery.site.posts == [("/api/jobs/one/refine", {"instruction": "slower"})]
    assert page.url.endswith("#/jobs/next")
    gallery.site.json("/api/jobs/next", job(job_id="next", parent="one", prompt="Slower."))
    expect(page.locator("video")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(jobs[0]["prompt"])


def test_candidates_and_cancel_are_posted(gallery: Any, jobs: Any, job: Job) -> None:
    page = gallery.open("#/jobs/one")
    gallery.site.json("/api/jobs/one/animate", job("running", job_id="two"))
    page.get_by_role("button", name="Make the video from candidate 4").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    gallery.site.json("/api/jobs/two/cancel", job("cancelled", job_id="two", result=None))
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    assert gallery.site.posts == [("/api/jobs/one/animate", {"candidate": 4}), ("/api/jobs/two/cancel", {})]


def test_the_list_follows_what_goes_on(gallery: Any, jobs: Any, job: Job) -> None:
    page = gallery.open()
    expect(page.get_by_role("listitem")).to_have_count(3)
    gallery.site.json("/api/jobs", {"jobs": [job(job_id="four"), *jobs]})
    expect(page.get_by_role("listitem")).to_have_count(4, timeout=8000)


def test_who_is_not_logged_in_is_shown_the_way(gallery: Any) -> None:
    gallery.site.json("/api/jobs", {"error": "Log in."}, status=401)
    page = gallery.open()
    expect(page.get_by_role("link", name="Log in")).to_have_attribute("href", "/login")
    gallery.visit.expects(401)


def test_an_error_of_the_server_is_told_in_its_words(gallery: Any, jobs: Any) -> None:
    gallery.site.json("/api/jobs/gone", {"error": "There is no job 'gone'; list the jobs."}, status=404)
    page = gallery.open("#/jobs/gone")
    expect(page.get_by_role("alert")).to_have_text("There is no job 'gone'; list the jobs.")
    gallery.visit.expects(404)


def test_an_empty_gallery_says_how_to_begin(gallery: Any) -> None:
    gallery.site.json("/api/jobs", {"jobs": []})
    page = gallery.open()
    expect(page.get_by_text("There are no videos yet")).to_be_visible()
    page.get_by_role("searchbox", name="Words").fill("desert")
    expect(page.get_by_text("No job is like that.")).to_be_visible()


@pytest.mark.parametrize("place", ["", "#/jobs/one"])
def test_the_gallery_fits_a_telephone_and_names_its_controls(
    gallery: Any, jobs: Any, nameless: Any, place: str
) -> None:
    gallery.visit.page.set_viewport_size({"width": 320, "height": 700})
    page = gallery.open(place)
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_role("listitem").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert nameless(page) == []
