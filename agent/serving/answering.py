"""Tools that share the shape of their answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import ToolAnnotations
from pydantic import BaseModel


def answering(answer: type[BaseModel], fn: Callable[..., Any], *, title: str, annotations: ToolAnnotations) -> Tool:
    """A tool whose answer is of this shape, as several tools' are.

    Its schema is written once for all of them: it takes longer than everything else about a tool, and clients wait for
    the list of tools.
    """
    tool = Tool.from_function(fn, title=title, annotations=annotations, structured_output=False)
    tool.fn_metadata.output_model = answer
    tool.fn_metadata.output_schema = _schema_of(answer)
    return tool


@cache
def _schema_of(answer: type[BaseModel]) -> dict[str, Any]:
    schema = FuncMetadata(arg_model=ArgModelBase, output_model=answer).output_schema
    assert schema is not None
    return schema
