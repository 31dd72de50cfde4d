"""Revising the spatial prompt against painting the same one again, with as many first frames for each.

    .venv/bin/python bench/revise_vs_reseed.py [--preset NAME] [--prompts N] [--reference PHOTO] [--planner NAME]

Both begin with the same batch. Where no first frame of it passes, one side goes on as the gate does (a measured cause
is revised at once, without one the first move is a new seed), the other always re-seeds; both stop at a pass and have
the same number of batches at the most. The prompts, of bench/hard_prompts.txt, are such that first frames often fail.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from agent import gate  # noqa: E402
from agent.planner.desk import Desk, Reply, planner_at  # noqa: E402
from agent.planner.protocol import Diagnosis, Plan, Planner, Tried  # noqa: E402
from agent.planner.subject import presentation_in  # noqa: E402
from agent.seeds import derive_seed  # noqa: E402
from agent.settings import Recipe, Settings, load_settings  # noqa: E402
from agent.state import Attempt, Candidate  # noqa: E402
from tools.artifacts import Artifacts  # noqa: E402
from tools.pools import CallKey, Pool  # noqa: E402
from tools.pools.calls import (  # noqa: E402
    ImageScore,
    InspectReference,
    InspectReply,
    PaintFirstFrames,
    PaintReply,
    ReferencePhoto,
    Request,
    ScoreImages,
    ScoreReply,
)
from tools.pools.local import LocalPool  # noqa: E402

Side = Literal["revise", "re-seed"]
SIMULATED = "preview, a simulation: says nothing about models"


@dataclass
class Outcome:
    """``best`` is the highest similarity of all first frames, 0 where none showed a face."""

    passed: bool
    best: float
    batches: int


@dataclass
class Tally:
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def row(self, name: str) -> str:
        passed = sum(outcome.passed for outcome in self.outcomes)
        best = statistics.mean(outcome.best for outcome in self.outcomes)
        batches = statistics.mean(outcome.batches for outcome in self.outcomes)
        share = f"{passed} of {len(self.outcomes)} ({100 * passed / len(self.outcomes):.0f} %)"
        return f"{name:10}{share:>18}{best:>18.3f}{batches:>15.2f}{self.seconds:>12.0f}"


class Studio:
    """Paints and scores first frames of one person, as the nodes of a job do."""

    def __init__(self, pool: Pool, artifacts: Artifacts, recipe: Recipe, photo: Path) -> None:
        self._pool, self._recipe, self._photo = pool, recipe, artifacts.put(photo.read_bytes(), kind_of(photo))
        self._calls = 0
        self.cancelled = threading.Event()

    def call(self, request: Request, reply: type[Reply]) -> Reply:
        self._calls += 1
        key = CallKey("bench", "revise-vs-reseed", self._calls)
        done = self._pool.call(request, key, lambda done, total, message: None, self.cancelled).reply
        assert isinstance(done, reply)
        return done

    def inspect(self, prompt: str) -> InspectReply:
        recipe = self._recipe
        return self.call(
            InspectReference(
                photo=self._photo,
                face=None,
                presentation=presentation_in(prompt),
                faces=recipe.backend("faces"),
                matting=recipe.backend("matting"),
            ),
            InspectReply,
        )

    def batch(self, reference: ReferencePhoto, prompt: str, seeds: Sequence[int]) -> list[ImageScore]:
        recipe = self._recipe
        painted = self.call(
            PaintFirstFrames(
                references=[reference],
                prompt=prompt,
                seeds=list(seeds),
                width=recipe.width,
                height=recipe.height,
                backend=recipe.backend("first_frame"),
                video=recipe.backend("video"),
                frames=recipe.frames,
                fps=recipe.fps,
            ),
            PaintReply,
        )
        return self.call(ScoreImages(reference=reference, images=painted.images), ScoreReply).scores


def kind_of(photo: Path) -> str:
    return photo.suffix.lstrip(".").lower()


def attempt_of(
    number: int, prompt: str, plan: Plan, move: str, scores: Sequence[ImageScore], rule: gate.Rule
) -> Attempt:
    candidates = [
        Candidate(
            attempt=number,
            number=index,
            seed=0,
            image="",
            score=score.model_dump(),
            passed=gate.passes(score, rule),
        )
        for index, score in enumerate(scores, 1)
    ]
    found = gate.diagnose(gate.score_of(gate.closest(candidates, rule)), rule)
    return Attempt(
        number=number,
        spatial_prompt=prompt,
        framing=plan.framing,
        move=move,
        planner=plan.planner,
        loosened=None,
        candidates=candidates,
        diagnosis={"cause": found.cause, "message": found.message},
    )


def similarities(attempts: Sequence[Attempt]) -> list[float]:
    return [candidate["score"]["similarity"] or 0.0 for attempt in attempts for candidate in attempt["candidates"]]


def tried(attempt: Attempt) -> Tried:
    cause, message = (attempt["diagnosis"] or {}).values()
    return Tried(attempt["spatial_prompt"], max(similarities([attempt])), Diagnosis(cause, message))  # type: ignore[arg-type]


def go_on(
    side: Side, prompt: str, first: Attempt, plan: Plan, planner: Planner, studio: Studio, seen: InspectReply,
    recipe: Recipe, rule: gate.Rule,
) -> Outcome:  # fmt: skip
    """The attempts after the first of one side, until one passes or all are spent."""
    attempts = [first]
    while True:
        verdict = gate.judge(attempts, rule)
        if verdict["passed"] or len(attempts) == rule.max_attempts:
            return Outcome(verdict["passed"], max(similarities(attempts)), len(attempts))
        spatial, move, number = attempts[-1]["spatial_prompt"], "re-seed", len(attempts) + 1
        if side == "revise" and verdict["move"] == "revise":
            history = [tried(attempt) for attempt in attempts]
            revision = planner.revise(
                prompt, plan, history, seen.reference.presentation, derive_seed(1, "revise", number)
            )
            spatial, move = revision.spatial_prompt, revision.move
        scores = studio.batch(seen.reference, spatial, seeds_of(number, recipe))
        attempts.append(attempt_of(number, spatial, plan, move, scores, rule))


def seeds_of(number: int, recipe: Recipe) -> list[int]:
    return [derive_seed(1, "first frame", number, index) for index in range(recipe.candidates)]


def compare(prompts: Sequence[str], settings: Settings, photo: Path) -> dict[Side, Tally]:
    recipe = settings.recipe()
    tallies: dict[Side, Tally] = {"revise": Tally(), "re-seed": Tally()}
    pool = LocalPool(settings.home / "artifacts")
    try:
        studio = Studio(pool, Artifacts(settings.home / "artifacts"), recipe, photo)
        planner = planner_at(Desk(recipe, settings.planner_key, studio.call, studio.cancelled), recipe.planner)
        for prompt in prompts:
            seen = studio.inspect(prompt)
            plan = planner.decouple(prompt, seen.reference.presentation, derive_seed(1, "plan"))
            facts = seen.recogniser
            threshold = recipe.first_frame_threshold
            rule = gate.Rule(
                threshold=facts.thresholds.first_frame if threshold is None else threshold,
                thresholds=facts.thresholds,
                recogniser=facts.name,
                max_attempts=recipe.max_attempts,
                on_failure="best",
                asked=plan.framing,
            )
            begun = time.perf_counter()
            scores = studio.batch(seen.reference, plan.spatial_prompt, seeds_of(1, recipe))
            first = attempt_of(1, plan.spatial_prompt, plan, "first", scores, rule)
            shared = time.perf_counter() - begun
            for side, tally in tallies.items():
                begun = time.perf_counter()
                tally.outcomes.append(go_on(side, prompt, first, plan, planner, studio, seen, recipe, rule))
                tally.seconds += shared + time.perf_counter() - begun
            print(".", end="", file=sys.stderr, flush=True)
    finally:
        pool.close()
    print(file=sys.stderr)
    return tallies


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="preview")
    parser.add_argument("--planner", help="instead of the preset's own")
    parser.add_argument("--prompts", type=int, default=50, metavar="N", help="spread evenly over the file's 50")
    parser.add_argument("--reference", type=Path, default=ROOT / "examples" / "astronaut.jpg")
    options = parser.parse_args(arguments)
    lines = (Path(__file__).with_name("hard_prompts.txt")).read_text("utf-8").splitlines()
    every = [line for line in lines if line and not line.startswith("#")]
    count = min(options.prompts, len(every))
    chosen = [every[index * len(every) // count] for index in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STEADFACE_HOME"] = folder
        settings = load_settings(preset=options.preset, planner=options.planner)
        recipe = settings.recipe()
        tallies = compare(chosen, settings, options.reference)
    if recipe.sketch:
        print(f"{SIMULATED}\n")
    print(
        f"Steadface {version('steadface')}, Python {platform.python_version()}, {os.cpu_count()} cores; preset "
        f"{recipe.preset}, planner {recipe.planner}, faces {recipe.faces}; {count} prompts, at most "
        f"{recipe.max_attempts} batches of {recipe.candidates} each"
    )
    print(f"{'':10}{'passed':>18}{'mean best sim.':>18}{'mean batches':>15}{'seconds':>12}")
    for side, tally in tallies.items():
        print(tally.row(side))


if __name__ == "__main__":
    main(sys.argv[1:])
