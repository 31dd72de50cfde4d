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
    return _with_schema(answer, schema_of(answer), fn, title, annotations)


def answering_with_many(
    answer: type[BaseModel],
    outline: type[BaseModel],
    field: str,
    item: type[BaseModel],
    fn: Callable[..., Any],
    *,
    title: str,
    annotations: ToolAnnotations,
) -> Tool:
    """A tool whose answer has a list of such items in ``field``; ``outline`` is the answer without their shape."""
    shape, around = dict(schema_of(item)), schema_of(outline)
    listed = {**around["properties"][field], "items": {"$ref": f"#/$defs/{item.__name__}"}}
    schema = {
        **around,
        "title": answer.__name__,
        "properties": {**around["properties"], field: listed},
        "$defs": {**shape.pop("$defs"), item.__name__: shape},
    }
    return _with_schema(answer, schema, fn, title, annotations)


@cache
def schema_of(answer: type[BaseModel]) -> dict[str, Any]:
    schema = FuncMetadata(arg_model=ArgModelBase, output_model=answer).output_schema
    assert schema is not None
    return schema


def _with_schema(
    answer: type[BaseModel], schema: dict[str, Any], fn: Callable[..., Any], title: str, annotations: ToolAnnotations
) -> Tool:
    tool = Tool.from_function(fn, title=title, annotations=annotations, structured_output=False)
    tool.fn_metadata.output_model = answer
    tool.fn_metadata.output_schema = schema
    return tool
