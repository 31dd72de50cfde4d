"""The ``steadface`` command. ``serve`` builds the MCP server; every other word goes to the command line."""

from __future__ import annotations

import sys


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        from agent.serving.serve import main as serve

        serve(sys.argv[2:])
        return
    from agent.cli import app

    app()


if __name__ == "__main__":
    main()
