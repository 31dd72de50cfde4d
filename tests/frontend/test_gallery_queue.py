"""The queue in the gallery: what waits is seen, moved and kept from beginning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.chromium

PROMPTS = {"one": "A woman walks.", "two": "A man reads a letter.", "next": "A child waves."}


def queue(*order: str, paused: bool = False) -> dict[str, Any]:
    """The first of them runs."""
    jobs = [
        {"job_id": name, "status": "queued" if place else "running", "priority": 0, "prompt": PROMPTS[name]}
        for place, name in enumerate(order)
    ]
    return {"paused": paused, "unfinished": len(jobs), "jobs": jobs}


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="Queue")


@pytest.fixture
def waiting(gallery: Any, job: Callable[..., dict[str, Any]]) -> Any:
    """A gallery where one job runs and two wait."""
    jobs = [
        job("queued" if place else "running", job_id=name, prompt=prompt, estimate_seconds=(40.0, 600.0, None)[place])
        for place, (name, prompt) in enumerate(PROMPTS.items())
    ]
    gallery.site.json("/api/jobs", {"jobs": jobs})
    gallery.site.json("/api/queue", queue(*PROMPTS))
    return gallery


def test_the_queue_is_shown_in_order_with_places_and_estimates(waiting: Any) -> None:
    rows = panel(waiting.open()).get_by_role("listitem")
    expect(rows.locator("a")).to_have_text(list(PROMPTS.values()))
    told = ["runs, about 40 s to go", "waits, place 1, about 10 min to go", "waits, place 2"]
    expect(rows.locator("p")).to_have_text(told)


def test_the_queue_is_hidden_where_no_job_waits(waiting: Any) -> None:
    waiting.site.json("/api/queue", queue("one"))
    page = waiting.open()
    expect(page.locator(".card")).to_have_count(3)
    expect(panel(page)).to_have_count(0)


def test_a_waiting_job_is_put_first_and_the_focus_stays_in_the_queue(waiting: Any) -> None:
    page = waiting.open()
    panel(page).wait_for()
    moved = queue("one", "next", "two")
    waiting.site.json("/api/jobs/next/priority", moved)
    page.get_by_role("button", name="Run first: A child waves.").press("Enter")
    waiting.site.json("/api/queue", moved)
    expect(panel(page).locator("li a").nth(1)).to_have_text("A child waves.", timeout=8000)
    expect(panel(page).get_by_role("heading")).to_be_focused()
    expect(page.get_by_role("status").first).to_contain_text("Next: A child waves.")
    assert waiting.site.posts == [("/api/jobs/next/priority", {})]


def test_a_paused_queue_says_that_nothing_begins_until_it_is_resumed(waiting: Any) -> None:
    page = waiting.open()
    panel(page).wait_for()
    for name, paused in (("pause", True), ("resume", False)):
        waiting.site.json(f"/api/queue/{name}", queue(*PROMPTS, paused=paused))
    page.get_by_role("button", name="Pause").click()
    waiting.site.json("/api/queue", queue(*PROMPTS, paused=True))
    expect(panel(page)).to_contain_text("nothing that waits begins until it is resumed", timeout=8000)
    expect(page.get_by_role("status").first).to_contain_text("The queue is paused")
    page.get_by_role("button", name="Resume").click()
    waiting.site.json("/api/queue", queue(*PROMPTS))
    expect(page.get_by_role("button", name="Pause")).to_be_focused(timeout=8000)
    expect(panel(page)).not_to_contain_text("paused")
    assert waiting.site.posts == [("/api/queue/pause", {}), ("/api/queue/resume", {})]


def test_who_may_not_pause_is_told_why(waiting: Any) -> None:
    why = "Only the owner of this installation may pause and resume the queue."
    waiting.site.json("/api/queue/pause", {"error": why}, status=400)
    page = waiting.open()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("alert")).to_have_text(why)
    waiting.visit.expects(400)


def test_the_queue_fits_a_telephone_and_names_its_controls(waiting: Any, nameless: Any) -> None:
    waiting.visit.page.set_viewport_size({"width": 320, "height": 700})
    page = waiting.open()
    panel(page).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert nameless(page) == []
