"""``steadface planner serve``: the line for the machine, and the server while somebody needs it.

The programs ``vllm`` and ``nvidia-smi`` are the tests' own, alone on the PATH.
"""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from agent.gpus import Gpu, visible_gpus
from agent.planner import serving
from agent.planner.serving import command
from tools.errors import Unavailable

NVIDIA_SMI = """
import os, sys
with open(os.environ["HEARD"] + "/nvidia-smi", "w") as heard:
    heard.write(" ".join(sys.argv[1:]))
print(os.environ["GPUS"])
sys.exit(not os.environ["GPUS"])
"""

VLLM = """
import http.server, json, os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(os.environ["HEARD"] + "/vllm", "w") as heard:
    json.dump({"words": sys.argv[1:], "key": os.environ.get("VLLM_API_KEY"), "child": child.pid}, heard)
print("Loading weights", flush=True)
time.sleep(float(os.environ.get("LOADING", 0)))
if "LAST_WORDS" in os.environ:
    child.kill()
    sys.exit(os.environ["LAST_WORDS"])

class Server(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Server.asked += 1
        self.send_response(200 if self.path == "/health" and Server.asked > 2 else 503)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Server).serve_forever()
"""


@pytest.fixture
def programs(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH; it holds both programs, and the machine has one GPU of 24 GiB."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, code in {"nvidia-smi": NVIDIA_SMI, "vllm": VLLM}.items():
        (folder / name).write_text(f"#!{sys.executable}\n{code}")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HEARD", str(tmp_path))
    monkeypatch.setenv("GPUS", "24564, 24100")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return folder


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    return free


@pytest.fixture
def start(programs: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command; what is left of it at the end of the test is killed."""
    started = []

    def run(*words: str | int) -> subprocess.Popen[str]:
        line = [sys.executable, "server.py", "planner", "serve", *map(str, words)]
        started.append(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def heard(tmp_path: Path) -> dict[str, object]:
    told: dict[str, object] = json.loads((tmp_path / "vllm").read_text())
    return told


def flags(line: list[str]) -> dict[str, str]:
    return {word: value for word, value in zip(line, [*line[1:], ""], strict=True) if word.startswith("--")}


@pytest.mark.parametrize(
    ("model", "gpus", "part", "parallel"),
    [
        pytest.param("Qwen/Qwen3-8B", [(24, 23.6)], "0.92", None, id="a card of 24 GiB, nearly all of it"),
        pytest.param("Qwen/Qwen3-8B", [(80, 79)], "0.28", None, id="a card of 80 GiB, the rest left to others"),
        pytest.param("Qwen/Qwen3-8B", [(80, 79)] * 8, "0.28", None, id="eight cards, one needed"),
        pytest.param("Qwen/Qwen3-8B", [(16, 15.5)] * 2, "0.88", "2", id="two cards of 16 GiB, shared between"),
        pytest.param("Qwen/Qwen3-8B-FP8", [(16, 15.5)], "0.93", None, id="half the weights in eight bits"),
        pytest.param("Qwen/Qwen3-0.6B", [(16, 15.5)], "0.45", None, id="a model below a billion"),
        pytest.param("weights/mine", [(16, 15.5)], None, None, id="a size that the name does not tell"),
        pytest.param("Qwen/Qwen3-8B", [(None, None)], None, None, id="memory that the driver does not tell"),
        pytest.param("Qwen/Qwen3-8B", [], None, None, id="no GPU here, the line is for another machine"),
    ],
)
def test_the_line_takes_the_memory_that_the_planner_needs_and_no_more(
    model: str, gpus: list[tuple[float | None, float | None]], part: str | None, parallel: str | None
) -> None:
    given = flags(command(model, 8000, [Gpu(*each) for each in gpus]))
    assert given.get("--gpu-memory-utilization") == part
    assert given.get("--tensor-parallel-size") == parallel


@pytest.mark.parametrize("gpus", [[Gpu(12, 11.5)], [Gpu(80, 10)], [Gpu(10, 9.5)] * 2])
def test_too_little_memory_is_told_with_what_to_do(gpus: list[Gpu]) -> None:
    with pytest.raises(Unavailable, match=r"needs about 22 GiB .* Qwen/Qwen3-4B"):
        command("Qwen/Qwen3-8B", 8000, gpus)


def test_the_line_says_what_a_planner_needs_of_its_server() -> None:
    line = command("Qwen/Qwen3-8B", 8123, [])
    given = flags(line)
    assert line[:3] == ["vllm", "serve", "Qwen/Qwen3-8B"]
    assert given["--served-model-name"] == "Qwen/Qwen3-8B"
    assert (given["--host"], given["--port"]) == ("127.0.0.1", "8123")
    assert json.loads(given["--structured-outputs-config"]) == {"disable_any_whitespace": True}
    assert json.loads(given["--default-chat-template-kwargs"]) == {"enable_thinking": False}
    assert "--enable-prefix-caching" in given
    assert "--reasoning-parser" not in given


def test_the_gpus_are_those_that_a_program_may_see(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUS", "81559, 81000\n[N/A], [N/A]")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    first, second = visible_gpus()
    assert first.total == pytest.approx(79.6, abs=0.1)
    assert second == Gpu(None, None)
    assert "-i 2,3" in (tmp_path / "nvidia-smi").read_text()


def test_print_needs_neither_vllm_nor_a_gpu(start: Callable[..., subprocess.Popen[str]], programs: Path) -> None:
    for program in programs.iterdir():
        program.unlink()
    out, _ = (process := start("--print")).communicate(timeout=50)
    assert process.returncode == 0
    assert shlex.split(out) == command("Qwen/Qwen3-8B", 8000, [])


@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGTERM])
def test_the_server_is_waited_for_told_of_and_ended_with_the_command(
    start: Callable[..., subprocess.Popen[str]],
    port: int,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    word: signal.Signals,
) -> None:
    monkeypatch.setenv("STEADFACE_PLANNER_KEY", "sesame")
    process = start("--port", port)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == f"STEADFACE_PLANNER=qwen STEADFACE_PLANNER_URL=http://127.0.0.1:{port}/v1\n"

    told = heard(tmp_path)
    assert told["words"] == command("Qwen/Qwen3-8B", port, visible_gpus())[1:]
    assert told["key"] == "sesame"
    assert "Loading weights" in (home / "logs" / "planner-server.log").read_text()
    [server] = psutil.Process(process.pid).children()
    child = psutil.Process(int(str(told["child"])))

    process.send_signal(word)
    _, said = process.communicate(timeout=50)
    assert process.returncode == (130 if word == signal.SIGINT else 128 + word)
    assert "Traceback" not in said
    assert "sesame" not in said + line
    assert not [each for each in (server, child) if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_a_server_that_ends_before_it_answers_is_one_sentence(
    start: Callable[..., subprocess.Popen[str]], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAST_WORDS", "RuntimeError: no kernel for this GPU")
    out, said = (process := start("--port", port)).communicate(timeout=50)
    assert (process.returncode, out) == (1, "")
    [sentence] = [line for line in said.splitlines() if "ended" in line]
    assert sentence.startswith("steadface: vLLM ended with code 1, its last words were 'RuntimeError: no kernel")
    assert "Traceback" not in said


def test_what_is_missing_is_one_sentence_that_says_how_to_get_it(
    start: Callable[..., subprocess.Popen[str]], programs: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal() -> tuple[int, str]:
        process = start("--port", port)
        out, said = process.communicate(timeout=50)
        assert out == ""
        assert len(said.splitlines()) == 1
        return process.returncode, said

    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        code, said = refusal()
    assert (code, f"port {port} is in use" in said) == (2, True)

    monkeypatch.setenv("GPUS", "")
    code, said = refusal()
    assert (code, "needs an NVIDIA GPU" in said) == (1, True)

    (programs / "vllm").unlink()
    code, said = refusal()
    assert (code, "uv tool install 'vllm>=0.33,<0.34'" in said) == (1, True)


def test_a_long_start_is_told_in_the_servers_own_words(
    programs: Path, port: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "TIMES_TOLD", 0.3)
    monkeypatch.setenv("LOADING", "1.5")
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the test's process keeps its own
    told: list[str] = []
    began = time.monotonic()

    def ready() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serving.serve("Qwen/Qwen3-8B", port, None, home, told.append, ready)
    assert time.monotonic() - began >= 1.5
    assert told[0].startswith("Starting vLLM with Qwen/Qwen3-8B")
    assert [line for line in told[1:] if line.startswith("Still starting after") and line.endswith("Loading weights")]


def test_serving_starts_nothing_heavy() -> None:
    code = "import json, sys, agent.planner.serving; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"torch", "transformers", "langchain_core", "langgraph", "openai"}


def test_the_extra_asks_for_the_vllm_that_the_command_names() -> None:
    extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]
    [asked] = extras["vllm"]
    assert asked in Path(serving.__file__).read_text()
