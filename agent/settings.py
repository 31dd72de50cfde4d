"""One settings object: defaults, then the preset's file, then ``STEADFACE_…`` variables, then a caller's values."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import platformdirs
from pydantic import ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from agent.database import Database, checked_url
from agent.planner.options import PlannerOptions
from agent.presets import preset_names
from tools.actors import Actors
from tools.artifacts import Artifacts, expect_shelf
from tools.environment import is_placeholder
from tools.errors import InputError
from tools.home import home_folder
from tools.paths import full_path
from tools.registry import BackendCapability, Options

if TYPE_CHECKING:
    from tools.pools.calls import Backend

ConsentBasis = Literal["self", "written", "licensed", "synthetic"]
OnGateFailure = Literal["best", "fail"]

_EVEN = Field(ge=128, le=2048, multiple_of=2)


class Recipe(PlannerOptions):
    """What one job runs with, fixed when it is submitted, so that a restart goes on with the same."""

    model_config = ConfigDict(defer_build=True)  # clients wait for the list of tools, which needs none

    preset: str = Field("preview", description="The working set: a name in agent/presets.")
    planner: str = Field("rules", description="Backend that splits and revises prompts.")
    first_frame: str | None = Field(
        "preview", description='Backend that paints the first frame; "none" for reference-to-video.'
    )
    face_detail: str | None = Field(
        None,
        description='Backend that paints faces again, in first frames and keyframes of repairs; "none" for neither.',
    )
    video: str = Field("preview", description="Backend that makes the clip.")
    faces: str = Field("dlib", description="Backend that finds and compares faces.")
    matting: str = Field("cutout", description="Backend that cuts the person out of the photo.")
    first_frame_options: Options = Field({}, description="Options of the backend first_frame, as JSON.")
    face_detail_options: Options = Field({}, description="Options of the backend face_detail, as JSON.")
    video_options: Options = Field({}, description="Options of the backend video, as JSON.")
    faces_options: Options = Field({}, description="Options of the backend faces, as JSON.")
    matting_options: Options = Field({}, description="Options of the backend matting, as JSON.")
    sketch: bool = Field(False, description="The pixels are a sketch, and every result says so.")
    width: Annotated[int, _EVEN] = Field(832, description="Pixels.")
    height: Annotated[int, _EVEN] = Field(480, description="Pixels.")
    frames: int = Field(81, ge=5, le=241, description="Frames of the clip.")
    fps: int = Field(16, ge=4, le=60, description="Frames a second.")
    candidates: int = Field(2, ge=1, le=8, description="First frames painted in one attempt.")
    max_attempts: int = Field(3, ge=1, le=10, description="Batches of first frames at the most.")
    first_frame_threshold: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="Similarity that a first frame must reach; the recogniser's own when unset.",
    )
    on_gate_failure: OnGateFailure = Field("best", description="Attempts spent: go on with the best, or fail.")
    video_samples: int = Field(16, ge=2, le=241, description="Frames of the video that are scored, evenly spread.")
    detail_strength: float = Field(
        0.5, ge=0, le=1, description="How far the face detailer repaints first frames; 0 leaves them as painted."
    )
    match_colours: bool = Field(
        False,
        description="Hold the clip to the colours that it begins with, where a model lets them drift; a sunrise too.",
    )
    max_repairs: int = Field(1, ge=0, le=5, description="Windows regenerated at the most.")
    repair_strength: float = Field(0.4, gt=0, le=1, description="How far the face detailer may repaint a keyframe.")

    @field_validator("first_frame", "face_detail", mode="before")
    @classmethod
    def _left_out(cls, value: object) -> object:
        return None if value == "none" else value

    def threshold(self, own: float) -> float:
        """Similarity that a first frame must reach; ``own`` is the recogniser's."""
        return own if self.first_frame_threshold is None else self.first_frame_threshold

    def backend(self, capability: BackendCapability) -> Backend:
        """What does one thing in this job, with its options; not for what the recipe leaves out."""
        from tools.pools.calls import Backend  # what it stands on is too much for reading settings

        name = getattr(self, capability)
        assert name is not None
        return Backend(name=name, options=getattr(self, f"{capability}_options"))


class PresetSource(PydanticBaseSettingsSource):
    """Values of the preset that the caller or the environment chose."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ANN401 - pydantic's signature
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        name = self.current_state.get("preset") or Recipe.model_fields["preset"].default
        values = {"preset": name, **read_preset(str(name))}
        if values["planner"] == "qwen-local" and self.current_state.get("planner_url"):
            values["planner"] = "qwen"  # a server that was named holds the model already
        return values


class EnvironmentSource(EnvSettingsSource):
    """Values of ``STEADFACE_…`` variables, but for those whose placeholder a client left as it was."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        value, key, is_complex = super().get_field_value(field, field_name)
        return (None if is_placeholder(value) else value), key, is_complex


class Settings(Recipe, BaseSettings):
    """The settings of this installation; ``recipe()`` is the part that a job keeps."""

    model_config = SettingsConfigDict(
        env_prefix="STEADFACE_", env_nested_delimiter="__", frozen=True, env_ignore_empty=True, extra="forbid"
    )

    home: Path = Field(
        default_factory=home_folder,
        description="All state: jobs, artifacts, checkpoints, logs, and what is known of models.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="Where jobs, checkpoints and consent records are kept: postgresql://user:password@host:5432/name, "
        "which several servers may share, or sqlite:///path of a file; files in home when unset.",
    )
    artifacts_url: str | None = Field(
        None,
        description="Where photos, frames, clips and receipts of jobs are kept: s3://bucket/prefix, gs:// or az://, "
        "which servers and workers may share; credentials are given in the environment. In home when unset.",
    )
    videos: Path = Field(
        default_factory=lambda: platformdirs.user_videos_path() / "Steadface",
        description="Where finished videos are placed for people to see.",
    )
    inbox: Path = Field(
        default_factory=lambda: platformdirs.user_pictures_path() / "Steadface",
        description="Folder of photos that assistants list and take by name.",
    )
    consent: ConsentBasis | None = Field(None, description="A standing consent basis for one's own deployment.")
    policy: str = Field("likeness", description="Backend that objects to prompts and follow-ups.")
    cancel_grace: float = Field(
        60, ge=0, le=600, description="Seconds that a cancelled call may take to stop before its worker is killed."
    )
    pool: Literal["local", "ray"] = Field("local", description="Where workers run: on this machine, or on Ray's nodes.")
    ray_address: str = Field("auto", description='The Ray cluster, as host:port; "auto" is the one of this machine.')
    ray_render: Actors = Field(
        Actors(gpus=1, most=8),
        description="Ray workers that paint and animate: what one takes, the fewest and the most.",
    )
    ray_quick: Actors = Field(
        Actors(most=4),
        description="Ray workers that inspect, score and deliver: what one takes, the fewest and the most.",
    )
    ray_patience: float = Field(
        300, ge=1, le=86_400, description="Seconds that a call waits while Ray has no worker at all for it."
    )
    planner_key: SecretStr | None = Field(None, description="API key that the planner's server asks for.")
    token: SecretStr | None = Field(None, description="Bearer token of the HTTP server.")
    oauth_issuer: str | None = Field(
        None, description="OAuth authorization server whose tokens the HTTP server takes: its issuer URL, exactly."
    )
    oauth_resource_url: str | None = Field(
        None,
        description="URL of this server as OAuth clients know it, such as https://video.example/mcp; the audience of "
        "their tokens.",
    )
    oauth_scopes: Annotated[list[str], NoDecode] = Field(
        [], description="Scopes that an OAuth token must have; parted by spaces."
    )
    most_unfinished: int = Field(
        1000, ge=1, le=100_000, description="Jobs that may wait or run at once, of all callers."
    )
    most_unfinished_per_client: int = Field(
        20, ge=1, le=10_000, description="Jobs of one OAuth client that may wait or run at once."
    )
    most_submitted_per_minute: int = Field(
        10, ge=1, le=1000, description="Jobs that one OAuth client may submit in a minute."
    )
    keep_days: float | None = Field(
        None, ge=0, le=36_500, description="Days after which an ended job can be changed no more; never when unset."
    )
    keep_gb: float | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="Gigabytes that the inner files of jobs may take; the jobs that ended first can then be changed no "
        "more. No limit when unset.",
    )
    fetch_urls: bool = Field(
        False, description="Take photos from https URLs too; they are fetched from public addresses alone."
    )
    roots: Annotated[list[Path], NoDecode] = Field(
        [],
        description="Folders that MCP clients may take photos from, besides Pictures, Downloads, Desktop and the "
        "server's working folder; parted as in PATH.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, EnvironmentSource(settings_cls), PresetSource(settings_cls)

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            checked_url(value.get_secret_value())
        return value

    @field_validator("artifacts_url")
    @classmethod
    def _artifacts_url(cls, value: str | None) -> str | None:
        if value:
            expect_shelf(value)
        return value

    @field_validator("roots", mode="before")
    @classmethod
    def _parted(cls, value: object) -> object:
        return [root for root in value.split(os.pathsep) if root] if isinstance(value, str) else value

    @field_validator("oauth_scopes", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return value.split() if isinstance(value, str) else value

    @field_validator("home", "videos", "inbox", "roots")
    @classmethod
    def _absolute(cls, value: Path | list[Path]) -> Path | list[Path]:
        try:
            return [full_path(root) for root in value] if isinstance(value, list) else full_path(value)
        except InputError as error:
            raise ValueError(str(error).removesuffix(".")) from None

    @property
    def database(self) -> Database:
        return Database.of(self.home, self.database_url)

    def open_artifacts(self) -> Artifacts:
        return Artifacts(self.home, self.artifacts_url)

    @property
    def jobs_at_once(self) -> int:
        """Enough that no worker of the pool lacks a call while other jobs are with other workers."""
        return self.ray_render.most + self.ray_quick.most if self.pool == "ray" else 1

    def recipe(self) -> Recipe:
        return Recipe(**{name: getattr(self, name) for name in Recipe.model_fields})


@cache
def read_preset(name: str) -> Mapping[str, Any]:
    """The values of a preset; raises ``InputError`` for a name that there is not."""
    if name not in preset_names():
        raise InputError(f"There is no preset {name!r}; choose one of: {', '.join(preset_names())}.")
    return tomllib.loads((resources.files("agent.presets") / f"{name}.toml").read_text())


def load_settings(**given: Any) -> Settings:  # noqa: ANN401 - any field of Settings
    """Settings with ``given`` above all else; a value that cannot be is one ``InputError`` that names it."""
    given = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = "__".join(str(part) for part in first["loc"])
        wrong = "is wrong" if name in _SECRET else f"cannot be {first['input']!r}"
        message = first["msg"].removeprefix("Value error, ").replace("Input should", "it should", 1)
        if name.split("__")[0] in given:
            raise InputError(f"The setting {name} {wrong}: {message}.") from None
        raise InputError(f"The setting {name} (STEADFACE_{name.upper()}) {wrong}: {message}.") from None


_SECRET = {name for name, field in Settings.model_fields.items() if SecretStr in get_args(field.annotation)}
_SECRET.add("artifacts_url")
"""Settings whose value is never told: in a URL somebody may have written a key."""
