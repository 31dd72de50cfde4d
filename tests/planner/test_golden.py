"""Prompts that people write, and what the rule planner makes of them. The file was read line by line by a person.

``python -m tests.planner.test_golden`` writes it anew from the prompts in it; read the difference before you keep it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.planner.language import read
from agent.planner.rules import RulePlanner, presentation_in
from agent.planner.validators import Context, check_spatial, check_temporal

FILE = Path(__file__).with_name("golden.json")
ROWS = json.loads(FILE.read_text("utf-8"))


def planned(prompt: str, presentation: str) -> dict:
    plan = RulePlanner().decouple(prompt, presentation, 7)
    return {
        "prompt": prompt,
        "presentation": presentation,
        "said": presentation_in(prompt),
        "temporal": plan.temporal_prompt,
        "spatial": plan.spatial_prompt,
        "framing": plan.framing,
        "asked": sorted(plan.asked),
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["prompt"][:40])
def test_a_prompt_is_split_as_it_was_read(row: dict) -> None:
    assert planned(row["prompt"], row["presentation"]) == row


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["prompt"][:40])
def test_every_golden_prompt_passes_every_validator(row: dict) -> None:
    context = Context(row["prompt"], row["presentation"], english=read(row["prompt"]).english)
    assert check_spatial(row["spatial"], context) == []
    assert check_temporal(row["temporal"], context) == []


if __name__ == "__main__":
    rows = [planned(row["prompt"], row["presentation"]) for row in ROWS]
    FILE.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", "utf-8")
