"""Tools that answer with a job."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import ToolAnnotations

from agent.serving.results import VideoJob


def job_tool(fn: Callable[..., Any], *, title: str, annotations: ToolAnnotations) -> Tool:
    """A tool whose answer is a ``VideoJob``.

    The schema of that is written once for all of them: it takes longer than everything else about a tool, and clients
    wait for the list of tools.
    """
    tool = Tool.from_function(fn, title=title, annotations=annotations, structured_output=False)
    tool.fn_metadata.output_model = VideoJob
    tool.fn_metadata.output_schema = _schema()
    return tool


@cache
def _schema() -> dict[str, Any] | None:
    return FuncMetadata(arg_model=ArgModelBase, output_model=VideoJob).output_schema
