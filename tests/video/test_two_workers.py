"""A pipeline serves one clip at a time, so two jobs at once have a worker each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools import media
from tools.artifacts import Artifacts
from tools.contracts import RGBImage
from tools.pools import CallKey
from tools.pools.calls import Animate, ClipReply
from tools.pools.local import LocalPool


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_jobs_at_once_in_two_workers_make_the_clips_that_each_makes_alone(
    home: Path, tiny_wan_folder: Path, monkeypatch: pytest.MonkeyPatch, picture: Callable[..., RGBImage]
) -> None:
    monkeypatch.setenv("STEADFACE_WAN_VACE_14B", str(tiny_wan_folder))
    artifacts = Artifacts(home)
    firsts = [artifacts.put(media.png_bytes(picture(number)), "png") for number in range(2)]
    pools = [LocalPool(home) for _ in firsts]

    def made(number: int, time: str) -> bytes:
        request = Animate(
            job_id=f"job{number}{time}", prompt="a woman walks", first_frame=firsts[number], first_frame_backend=None,
            first_frame_prompt=None, first_frame_seed=None, references=[], seed=number, width=64, height=64, frames=17,
            fps=16, backend={"name": "wan-vace-14b", "options": {"steps": 6}},
        )  # fmt: skip
        key = CallKey(request.job_id, "task", 0)
        reply = pools[number].call(request, key, lambda done, total, message: None, threading.Event()).reply
        assert isinstance(reply, ClipReply)
        return artifacts.read(reply.clip)

    try:
        alone = [made(number, "alone") for number in range(2)]
        with ThreadPoolExecutor(2) as threads:
            together = list(threads.map(made, range(2), ["together"] * 2))
    finally:
        for pool in pools:
            pool.close()
    assert together == alone
    assert alone[0] != alone[1]
