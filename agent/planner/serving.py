"""Serving the planner's model with vLLM: the right line for this machine, and the server while somebody needs it."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from pydantic import SecretStr

from agent.gpus import Gpu, visible_gpus
from tools.artifacts import private_folder
from tools.errors import BackendError, InputError, Unavailable

HOST = "127.0.0.1"
CONTEXT = 8192
"""Tokens: a planner's instructions, a long prompt, the history of a revision and the answer, twice over."""

WORKING_MEMORY = 6.0
"""GiB on each GPU besides the weights: vLLM, and the cache of some prompts (144 KiB a token for Qwen3-8B)."""

TIMES_TOLD = 15.0
"""Seconds between two words on how far the start is."""

_PATIENCE = 30.0
"""Seconds that a server may take to end before it is killed."""


def command(model: str, port: int, gpus: Sequence[Gpu]) -> list[str]:
    """The line that serves ``model``; ``Unavailable`` where the GPUs have too little free memory for it.

    Thinking is off and no reasoning parser set: with one, the grammar would wait for the end of a thought that never
    comes. The JSON holds no whitespace that the model could choose, where a small one may idle until its tokens end.
    """
    return [
        *("vllm", "serve", model, "--served-model-name", model, "--host", HOST, "--port", str(port)),
        *("--max-model-len", str(CONTEXT), "--enable-prefix-caching"),
        *("--structured-outputs-config", '{"disable_any_whitespace": true}'),
        *("--default-chat-template-kwargs", '{"enable_thinking": false}'),
        *_shares(model, gpus),
    ]


def url(port: int) -> str:
    return f"http://{HOST}:{port}/v1"


def serve(
    model: str, port: int, key: SecretStr | None, home: Path, tell: Callable[[str], None], ready: Callable[[], None]
) -> NoReturn:
    """Serve until interrupted; the server ends with this call, and what it prints goes to a file in ``home``.

    ``tell`` is called now and then while it starts, ``ready`` when it answers. Raises ``Unavailable`` for what the
    machine lacks, ``InputError`` for a port in use, and ``BackendError`` where the server ends by itself.
    """
    line = _startable(model, port)
    log = private_folder(home / "logs") / "planner-server.log"
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: sys.exit(128 + number))  # so that the server is ended too
    with log.open("wb") as output:
        environment = {**os.environ, **({"VLLM_API_KEY": key.get_secret_value()} if key else {})}
        server = subprocess.Popen(line, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        tell(f"Starting vLLM with {model}; it loads the weights, which takes minutes. It writes to {log}")
        _await(server, port, log, tell)
        ready()
        _tell_end(server.wait(), log)
    finally:
        _end(server)


def _startable(model: str, port: int) -> list[str]:
    """The line to start, when all that it needs is here."""
    program = shutil.which("vllm")
    if program is None:
        raise Unavailable(
            "vLLM is not installed; give it an environment of its own, since it pins other versions of torch and "
            "transformers than Steadface: uv tool install 'vllm>=0.33,<0.34'"
        )
    gpus = visible_gpus()
    if not gpus:
        raise Unavailable(
            "vLLM needs an NVIDIA GPU, and nvidia-smi shows none here; run this on a machine that has one, "
            "or let STEADFACE_PLANNER_URL name any other OpenAI-compatible server."
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise InputError(f"The port {port} is in use; choose another with --port.") from None
    return [program, *command(model, port, gpus)[1:]]


def _await(server: subprocess.Popen[bytes], port: int, log: Path, tell: Callable[[str], None]) -> None:
    """Return when the server answers."""
    begun = told = time.monotonic()
    while not _healthy(port):
        if server.poll() is not None:
            _tell_end(server.returncode, log)
        if time.monotonic() - told >= TIMES_TOLD:
            told = time.monotonic()
            tell(f"Still starting after {told - begun:.0f} s: {_last_line(log)}")
        time.sleep(0.25)


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tell_end(code: int, log: Path) -> NoReturn:
    raise BackendError(
        f"vLLM ended with code {code}, its last words were {_last_line(log)!r}; all of them are in {log}"
    )


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server with all the processes that it started; who is impatient has them killed."""
    for word in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, word)
            server.wait(_PATIENCE)
        except (ProcessLookupError, subprocess.TimeoutExpired, KeyboardInterrupt):
            continue


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "nothing yet"


def _shares(model: str, gpus: Sequence[Gpu]) -> list[str]:
    """How the memory of the GPUs is used: what the planner needs and no more, since a video model may share them.

    Nothing is said, and all left to vLLM, where the size of the model or of the memory is not known.
    """
    weights = weights_of(model)
    known = [(gpu.total, gpu.free) for gpu in gpus if gpu.total is not None and gpu.free is not None]
    if weights is None or not known or len(known) < len(gpus):
        return []
    for count in (1, 2, 4, 8):
        share = weights / count + WORKING_MEMORY
        if count <= len(known) and share <= min(free for _, free in known[:count]):
            part = share / min(total for total, _ in known[:count])
            parallel = ["--tensor-parallel-size", str(count)] if count > 1 else []
            return [*parallel, "--gpu-memory-utilization", f"{part:.2f}"]
    raise Unavailable(
        f"{model} needs about {weights + WORKING_MEMORY:.0f} GiB of free GPU memory, and here are "
        f"{' and '.join(f'{free:.0f}' for _, free in known)}; end what else uses it, "
        "or set STEADFACE_PLANNER_MODEL to a smaller model such as Qwen/Qwen3-4B."
    )


def weights_of(model: str) -> float | None:
    """GiB of the weights, by the parameters that the model's name tells, or ``None``."""
    billions = re.search(r"-(\d+(?:\.\d+)?)B\b", model)
    if billions is None:
        return None
    each = 1.1 if "FP8" in model else 0.7 if re.search(r"AWQ|GPTQ|Int4", model) else 2.0
    return float(billions[1]) * each
