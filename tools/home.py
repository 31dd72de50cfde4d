"""The folder that holds all state."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from tools.environment import is_placeholder
from tools.paths import full_path

LORAS = "loras"
"""Folder in it of people as LoRAs, which backends make again where they are missing."""


def home_folder() -> Path:
    """Where ``STEADFACE_HOME`` says, else ``steadface`` in the user's data folder; perhaps not there yet."""
    named = os.environ.get("STEADFACE_HOME")
    if not named or is_placeholder(named):
        return platformdirs.user_data_path("steadface")
    return full_path(named)
