"""``steadface models`` as its tests run it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

Run = Callable[..., "subprocess.CompletedProcess[str]"]

COMMAND = """
import os, sys, time
from huggingface_hub import constants
from tools.models import catalog as table

constants.DOWNLOAD_CHUNK_SIZE = 1000
sleep = time.sleep
time.sleep = lambda seconds: sleep(seconds / 20)

releases = os.environ["STUB_RELEASES"]
models = {
    name: model.model_copy(update={"archive": model.archive and model.archive.replace("https://github.com", releases)})
    for name, model in table.catalog().items()
}
table.catalog = lambda: models
sys.argv[0] = "steadface"
from server import main
main()
"""
"""The command with its archives on loopback, where a variable leads the Hub's client; files come in small chunks, and
between two tries is a twentieth of the time."""

RELEASES = "/deepinsight/insightface/releases/download/v0.7"

YUNET = "opencv/face_detection_yunet"
CLIP = "openai/clip-vit-large-patch14"
