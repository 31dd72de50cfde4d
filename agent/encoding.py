"""A person as a LoRA file that any program with Stable Diffusion XL can use."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from agent.jobless import caller
from agent.photos import look_at
from agent.pools import open_local_pool
from agent.requests import Photo
from agent.serving.intake import read_photo
from agent.settings import Settings
from tools.contracts import Progress
from tools.errors import InputError
from tools.paths import full_path
from tools.pools.calls import Backend, EncodedReply, EncodeIdentity


def encode(
    settings: Settings, backend: str, photos: Sequence[Path], face: int | None, out: Path, observe: Progress
) -> str:
    """Write the LoRA of the person on the photos to ``out``; what comes back says how to use it.

    ``InputError`` where a photo cannot work or the file cannot be written, ``Unavailable`` where a model is missing.
    """
    _expect_writable(out)
    artifacts = settings.open_artifacts()
    kept = [Photo(image=artifacts.put(read_photo(full_path(photo)), "png"), name=photo.name) for photo in photos]
    pool = open_local_pool(settings)
    try:
        call = caller(pool, "encode", observe)
        looked = look_at(kept, face, None, settings.recipe(), call)
        reply = call(EncodeIdentity(references=looked.references, backend=Backend(name=backend)), EncodedReply)
    finally:
        pool.close()
    try:
        shutil.copyfile(artifacts.path(reply.lora), full_path(out))
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}); choose another with --out.") from error
    return reply.usage


def _expect_writable(out: Path) -> None:
    if out.suffix != ".safetensors":
        raise InputError(f"{out} must end in .safetensors, which is what programs look for.")
    if not full_path(out).parent.is_dir():
        raise InputError(f"There is no folder {out.parent}; make it, or choose another with --out.")
