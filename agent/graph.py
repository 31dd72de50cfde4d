"""The order of things: the one place that names the successor of a node.

Nodes only return updates; every branch is a conditional edge, so that a state can be forked at any node.
"""

from __future__ import annotations

from typing import Any, Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agent import nodes
from agent.context import Context
from agent.state import State

RECURSION_LIMIT = 60
"""Nodes of one job at the most: 10 attempts of 3 nodes, 5 repairs of 3, and the rest."""


def after_plan(state: State) -> Literal["generate_first_frames", "animate"]:
    return "generate_first_frames" if "next_batch" in state else "animate"


def after_gate(
    state: State,
) -> Literal["animate", "deliver_first_frames", "revise_spatial_prompt", "generate_first_frames", "stop_at_gate"]:
    match state["verdict"]["move"]:
        case "animate":
            return "animate"
        case "show":
            return "deliver_first_frames"
        case "revise":
            return "revise_spatial_prompt"
        case "reseed":
            return "generate_first_frames"
        case "fail":
            return "stop_at_gate"


def after_video(state: State) -> Literal["fix_keyframes", "deliver"]:
    return "fix_keyframes" if state.get("window") else "deliver"


def after_keyframes(state: State) -> Literal["repair_identity", "score_video"]:
    return "repair_identity" if state["keyframes"] else "score_video"


def last_kept(*, first_frame: bool, plan: bool) -> str | None:
    """The last node whose results a follow-up keeps: with a first frame what led to it, with a plan what it stands on.

    ``None``: it begins anew.
    """
    return "score_first_frames" if first_frame else "decouple_prompt" if plan else None


def build_graph(
    checkpointer: BaseCheckpointSaver[Any] | None = None,
) -> CompiledStateGraph[State, Context, State, State]:
    builder = StateGraph(State, context_schema=Context)
    for name, node in nodes.NODES.items():
        builder.add_node(name, node)
    builder.add_edge(START, "inspect_reference")
    builder.add_edge("inspect_reference", "decouple_prompt")
    builder.add_conditional_edges("decouple_prompt", after_plan)
    builder.add_edge("generate_first_frames", "score_first_frames")
    builder.add_conditional_edges("score_first_frames", after_gate)
    builder.add_edge("revise_spatial_prompt", "generate_first_frames")
    builder.add_edge("stop_at_gate", END)
    builder.add_edge("deliver_first_frames", END)
    builder.add_edge("animate", "score_video")
    builder.add_conditional_edges("score_video", after_video)
    builder.add_conditional_edges("fix_keyframes", after_keyframes)
    builder.add_edge("repair_identity", "score_video")
    builder.add_edge("deliver", END)
    return builder.compile(checkpointer=checkpointer)


def mermaid() -> str:
    """The graph as mermaid text, as the README shows it."""
    return build_graph().get_graph().draw_mermaid(with_styles=False)
