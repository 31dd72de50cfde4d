"""The arguments of the server's tools, as clients see them."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from pydantic import Field, WithJsonSchema

from agent.presets import preset_names


def one_of(*words: str) -> WithJsonSchema:
    """The choice as clients see it; what is not among them is refused in our own sentence, not in pydantic's."""
    return WithJsonSchema({"anyOf": [{"type": "string", "enum": list(words)}, {"type": "null"}]})


def require(tool: Tool, name: str) -> None:
    """Have clients see an argument as required; one that leaves it out is still answered in our own sentence."""
    del tool.parameters["properties"][name]["default"]
    tool.parameters["required"].append(name)


ReferenceText = Annotated[
    str,
    Field(
        description="Photo of the person: the full path of a file in Pictures, Downloads, Desktop or the working "
        "folder (not over HTTP); or the photo itself as a data:image/…;base64 URI of at most 3 MB; or a picture of an "
        "earlier job: steadface://jobs/{job_id}/first_frame.png, …/candidates/2.jpg or …/reference.png; or @name of a "
        "saved person. JPEG, PNG, WebP or HEIC."
    ),
]
MoreReferences = Annotated[
    list[str],
    Field(description="Further photos of the same person, given as reference is: the first frame follows them too."),
]
PromptText = Annotated[
    str,
    Field(
        description="What the person does and where, in one or a few sentences: clothes, action, place, light, "
        "expression, and how close the camera is (close-up, medium shot, full shot, wide shot)."
    ),
]
ConsentBasis = Annotated[
    str | None,
    one_of("self", "written", "licensed", "synthetic"),
    Field(
        description="On what basis this likeness is used, as the user stated it. self: it is the user; written: the "
        "person agreed in writing; licensed: a licence or the public domain allows it; synthetic: no real person. "
        "Ask the user, never guess."
    ),
]
FaceNumber = Annotated[int | None, Field(ge=1, description="In a group photo: which face, counted from 1 at the left.")]
Seed = Annotated[
    int | None, Field(ge=0, le=2**32 - 1, description="The same seed gives the same video; drawn when left out.")
]
PresetName = Annotated[
    str | None,
    one_of(*preset_names()),
    Field(description="Working set of models. preview: no GPU, a sketch (moving paper-cut collage), under a minute."),
]
StopAfter = Annotated[
    str | None,
    one_of("first_frame"),
    Field(
        description="first_frame: show numbered candidates instead of making the video; animate_first_frame goes on "
        "with the one that the user chooses."
    ),
]
Again = Annotated[
    bool, Field(description="Make another, though a job of the very same call is unfinished. Not for retries.")
]
OnGateFailure = Annotated[
    str | None,
    one_of("best", "fail"),
    Field(description="When no first frame is enough like the person: go on with the best and warn, or fail."),
]
Instruction = Annotated[
    str, Field(description="What shall be different, in the user's own words; English is understood.")
]
JobId = Annotated[str, Field(description="As generate_identity_video or list_video_jobs gave it.")]
WaitSeconds = Annotated[
    float, Field(ge=0, le=600, description="Answer at the latest after this many seconds; the job goes on anyway.")
]
