"""``/metrics`` of the HTTP server: figures of all jobs, for the owner alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx2
import pytest
from issuer import RESOURCE, Issuer
from studio import Studio

from agent.store import JobStore

TOKEN = "a-token-of-the-test"


def asked(address: str, bearer: str | None = None) -> httpx2.Response:
    url = address.removesuffix("/mcp") + "/metrics"
    return httpx2.get(url, headers={"Authorization": f"Bearer {bearer}"} if bearer else {}, timeout=30)


def test_the_figures_of_jobs_are_told_in_the_form_of_prometheus(over_http: tuple[str, Studio]) -> None:
    url, studio = over_http
    with closing(JobStore(studio.home / "jobs.sqlite")) as store:
        store.pause()
        store.add("waits", {"prompt": "a secret prompt"}, {"preset": "preview"})
    told = asked(url)
    assert told.status_code == 200
    assert told.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'steadface_jobs{status="queued"} 1.0' in told.text
    assert "steadface_queue_paused 1.0" in told.text
    assert "secret" not in told.text


def test_without_the_token_nothing_is_told(start_http: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_TOKEN", TOKEN)
    url = start_http().url
    assert asked(url).status_code == 401
    assert asked(url, TOKEN).status_code == 200


def test_a_client_of_oauth_is_not_told_of_everybodys_jobs(
    start_http: Callable[..., Any], issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_OAUTH_ISSUER", issuer.url)
    monkeypatch.setenv("STEADFACE_OAUTH_RESOURCE_URL", RESOURCE)
    told = asked(start_http().url, issuer.token("ada"))
    assert told.status_code == 403
    assert "STEADFACE_TOKEN" in told.json()["error"]
