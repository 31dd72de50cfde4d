"""What clients offer their users to begin with: prompts for a video, a change of it, and a storyboard."""

from __future__ import annotations

from typing import Annotated

from mcp.server import MCPServer
from pydantic import Field

Photo = Annotated[str, Field(description="path of the photo, the name of one in the inbox, or @name of a saved person")]


def add_prompts(server: MCPServer[None]) -> None:
    @server.prompt(title="A video of a person")
    def identity_video(
        photo: Photo,
        scene: Annotated[str, Field(description="what the person does and where")],
        consent: Annotated[
            str | None, Field(description="on what basis: self, written, licensed or synthetic; asked where left out")
        ] = None,
        preset: Annotated[str | None, Field(description="working set of models, such as preview")] = None,
    ) -> str:
        """Make a video of the person in a photo, with the evidence that it is still them."""
        working_set = f", with the preset {preset}" if preset else ""
        basis = (
            f"The basis on which their likeness is used is {consent}, as I state here."
            if consent
            else "Ask me first on what basis their likeness may be used (self, written, licensed or synthetic), unless "
            "I said so."
        )
        return (
            f"Make a video of the person in the photo {photo} with generate_identity_video{working_set}: {scene}\n"
            f"{basis} When it is done, show me the contact sheet, and tell me the path, the similarity and every "
            "warning."
        )

    @server.prompt(title="Change a video")
    def refine(
        change: Annotated[str, Field(description='what shall be different, such as "slower, and let her smile"')],
        job_id: Annotated[str | None, Field(description="which video; the last one where left out")] = None,
    ) -> str:
        """Change the last video, or another, by what you say, and keep the rest."""
        if job_id:
            return f"Change the video of job {job_id} with refine_identity_video: {change}\nTell me what was kept."
        return (
            f"Change the last video that was made with refine_identity_video: {change}\n"
            "list_video_jobs has its job_id, if you do not know it. Tell me what was kept."
        )

    @server.prompt(title="A storyboard")
    def storyboard(
        photo: Photo,
        story: Annotated[str, Field(description="what happens, from beginning to end")],
    ) -> str:
        """Tell a story in a few short videos of one person, as sketches that cost nothing."""
        return (
            f"Break this story into three to five scenes of one sentence each, and show them to me first: {story}\n"
            f"When I agree, make a video of each with generate_identity_video, the photo {photo}, preset preview and "
            "one seed for all, one after another. They are sketches: call them that."
        )
