"""Where the details of a failure go: a file in the home folder, never the terminal and never a protocol's stream."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from tools.artifacts import private_folder
from tools.logs import formatter

_LARGEST = 2_000_000


def log_file(home: Path) -> Path:
    return home / "logs" / "steadface.log"


def log_to_file(home: Path) -> None:
    """Send every log record of this process to the home folder's log."""
    private_folder(log_file(home).parent)
    handler = RotatingFileHandler(log_file(home), maxBytes=_LARGEST, backupCount=1, delay=True)
    logging.raiseExceptions = False  # a full disk must not print the log's own failure
    handler.setFormatter(formatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
