"""The first frame of the ``preview`` preset: a paper-cut collage, drawn without a model."""

from __future__ import annotations

from collections.abc import Sequence

from tools.contracts import Progress, Reference, RGBImage, Size
from tools.preview.collage import Collage


class PreviewFirstFrame:
    """Sets the person of the first reference into a painted scene, as the spatial prompt says."""

    def generate(
        self, references: Sequence[Reference], prompt: str, seeds: Sequence[int], size: Size, report: Progress
    ) -> list[RGBImage]:
        images = []
        for number, seed in enumerate(seeds):
            report(number, len(seeds), f"Painting first frame {number + 1} of {len(seeds)}")
            images.append(Collage(references[0], prompt, seed, size).picture())
        report(len(seeds), len(seeds), "First frames painted")
        return images
