"""Where workers run is a setting, and with many of them jobs run side by side."""

import sys
from pathlib import Path

import pytest

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.pools import open_pool
from agent.settings import load_settings
from tools.errors import InputError, Unavailable
from tools.pools.local import LocalPool


def test_each_queue_on_ray_has_its_size_from_the_environment(home, monkeypatch):
    monkeypatch.setenv("STEADFACE_RAY_RENDER__MOST", "64")
    monkeypatch.setenv("STEADFACE_RAY_QUICK__GPUS", "0.1")
    settings = load_settings()
    assert (settings.ray_render.most, settings.ray_quick.gpus) == (64, 0.1)


def test_a_size_that_cannot_be_names_its_variable(home, monkeypatch):
    monkeypatch.setenv("STEADFACE_RAY_RENDER__MOST", "many")
    with pytest.raises(InputError, match="STEADFACE_RAY_RENDER__MOST"):
        load_settings()
    monkeypatch.setenv("STEADFACE_RAY_RENDER__MOST", "0")
    with pytest.raises(InputError, match="STEADFACE_RAY_RENDER__MOST"):
        load_settings()


def test_fewest_above_most_is_refused(home, monkeypatch):
    monkeypatch.setenv("STEADFACE_RAY_RENDER", '{"least": 3, "most": 2}')
    with pytest.raises(InputError, match=r"least \(3\) is above most \(2\)"):
        load_settings()


def test_ray_that_is_not_installed_is_told_with_what_gets_it(home, monkeypatch):
    monkeypatch.delitem(sys.modules, "tools.pools.ray_pool", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Unavailable, match=r"pip install 'steadface\[ray\]'"):
        open_pool(load_settings(pool="ray"))


def test_jobs_run_side_by_side_where_the_pool_has_many_workers(instant):
    """The workers are this machine's own: how many jobs run at once follows from the settings."""
    settings = load_settings(pool="ray")
    with JobEngine(settings, LocalPool(settings.home)) as engine:
        asked = prepare(
            settings,
            prompt="similarity=0.9 paint=1",
            consent="synthetic",
            source="stated by the user",
            seed=7,
            out=None,
            face=None,
        ).with_photos(engine.artifacts, [Path("examples/astronaut.jpg")])
        jobs = [engine.submit(asked, settings.recipe()) for _ in range(4)]
        engine.wait(jobs[0], seconds=50)
        begun = [engine.store.get(job).started for job in jobs]
        ended = [engine.wait(job, seconds=50) for job in jobs]
    assert [view.status for view in ended] == ["completed"] * 4
    assert None not in begun
    assert len({view.result.video for view in ended}) == 4
