"""People cut out by one of rembg's models. Nothing is downloaded here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from tools.contracts import CutOut, Face, RGBImage
from tools.errors import InputError, Unavailable
from tools.insight import best_providers
from tools.matting.matte import cut_person


@dataclass(frozen=True)
class RembgMatting:
    session: Any
    name: str

    def remove(self, image: RGBImage, face: Face) -> CutOut:
        """Cut out the person whose face is ``face``."""
        mask = self.session.predict(Image.fromarray(image))[0]
        matte = np.asarray(mask.convert("L").resize((image.shape[1], image.shape[0])), np.float32) / np.float32(255)
        return cut_person(image, matte, face, self.name)


def rembg_matting(session: str = "u2net_human_seg") -> RembgMatting:
    """``session`` is the name of a model as rembg calls it; ``Unavailable`` where its file is not on this machine."""
    from rembg import new_session
    from rembg.sessions import sessions_class

    kinds = {kind.name(): kind for kind in sessions_class if not kind.name().endswith("_custom")}
    if session not in kinds:
        raise InputError(f"rembg has no model {session!r}; choose one of: {', '.join(sorted(kinds))}.")
    if kinds[session].resolve_existing(f"{session}.onnx") is None:
        raise Unavailable(
            f"rembg's model {session} is not on this machine; get it with: "
            f"python -c \"import rembg; rembg.new_session('{session}')\" (licence: as its page says), "
            "or choose the matting backend cutout, which needs none."
        )
    return RembgMatting(new_session(session, providers=best_providers()), f"rembg {session}")
