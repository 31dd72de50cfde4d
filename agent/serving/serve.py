"""``steadface serve``: MCP on standard input and output, or on HTTP with ``--http``."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from types import FrameType
from typing import TYPE_CHECKING, Any

from tools.errors import InputError
from tools.logs import FORMAT, formatter

if TYPE_CHECKING:
    from agent.serving.engine import LateEngine

HOST, PORT = "127.0.0.1", 8000


def main(argv: Sequence[str]) -> None:
    parser = _parser()
    options = parser.parse_args(argv)
    if not options.http and (options.host, options.port, options.allow_host) != (HOST, PORT, []):
        parser.error("--host, --port and --allow-host say where HTTP is served; give --http too")
    if options.log_json:
        os.environ[FORMAT] = "json"  # for the workers too
    given = {"pool": options.pool, "ray_address": options.ray_address}
    try:
        if options.http:
            _serve_http(options.host, options.port, options.allow_host, given)
        else:
            _serve_stdio(given)
    except InputError as error:
        print(f"steadface: {error}", file=sys.stderr)  # noqa: T201 - standard output is the protocol's
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="steadface serve", description="Serve MCP on standard input and output.")
    parser.add_argument("--http", action="store_true", help="serve streamable HTTP instead")
    parser.add_argument("--host", default=HOST, help="address to listen on; others need STEADFACE_TOKEN")
    parser.add_argument("--port", type=int, default=PORT, help="0 takes any free one")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a name by which callers know this machine"
    )
    parser.add_argument(
        "--pool", choices=("local", "ray"), help="where workers run: on this machine, or on Ray's nodes"
    )
    parser.add_argument("--ray-address", metavar="HOST:PORT", help="the Ray cluster; this machine's own when not given")
    parser.add_argument("--log-json", action="store_true", help="log a JSON object a line, on standard error")
    return parser


def _serve_stdio(given: dict[str, str | None]) -> None:
    with _standard_output_kept_clean(), _without_collecting():
        from agent.serving.engine import LateEngine
        from agent.serving.reach import Reach
        from agent.serving.server import build_server

        _log_in_lines()
        engine = LateEngine(**given)
        server = build_server(engine, Reach.STDIO)
    _close_on_signals(engine)
    server.run("stdio")


def _serve_http(host: str, port: int, names: list[str], given: dict[str, str | None]) -> None:
    from agent.serving.access import access_of
    from agent.serving.engine import LateEngine
    from agent.serving.gallery import gallery_routes
    from agent.serving.http import reach_of, serve_http
    from agent.serving.metrics_route import metrics_routes
    from agent.serving.server import build_server

    _log_in_lines()
    engine = LateEngine(**given)
    access = access_of(engine.settings)
    reach = reach_of(host, access)
    try:
        routes = [*gallery_routes(engine, reach), *metrics_routes(engine)]
        serve_http(build_server(engine, reach), routes, access, host, port, names, engine.drain)
    except KeyboardInterrupt:
        sys.exit(130)


def _log_in_lines() -> None:
    """Log as clients keep it, in files, where the SDK would draw boxes as wide as a terminal, with a slow library."""
    from mcp.server.mcpserver import server as sdk

    handler = logging.StreamHandler()
    handler.setFormatter(formatter())

    def to_standard_error(level: Any = logging.INFO) -> None:  # noqa: ANN401 - the names of logging's levels
        logging.basicConfig(level=level, handlers=[handler])

    sdk.configure_logging = to_standard_error  # type: ignore[attr-defined] # its constructor calls this whatever is set


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Start without the garbage collector, which would go through all that is imported again and again, in vain."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _standard_output_kept_clean() -> Iterator[None]:
    """Send to standard error what libraries print while they are imported; the transport does so from then on."""
    assert isinstance(sys.stdout, TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)  # a line held back now would reach the client later
    wire = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(wire, 1)
        os.close(wire)


def _close_on_signals(engine: LateEngine) -> None:
    """End: a thread that reads standard input cannot be woken, so the loop would wait for the client.

    SIGTERM gives a running call time to end, and a second one does not wait for that.
    """

    def close(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if number == signal.SIGTERM:
            engine.drain()
        engine.close()
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, close)
