"""The operations that workers run: each turns references into pixels, asks a backend, and keeps what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np

from tools import media, registry
from tools.clip_checks import check_clip
from tools.colour_match import matched_to_first
from tools.contact_sheet import Tile, contact_sheet, jpeg_under
from tools.contracts import (
    ClipSpec,
    CutOut,
    Face,
    FaceAnalyzer,
    Frames,
    Given,
    Origin,
    Progress,
    Reference,
    RGBImage,
    Size,
)
from tools.errors import BackendError, InputError, Unavailable
from tools.faces.reference import annotate, choose_face, face_number_at, left_to_right
from tools.identity_repair import fixed_frames, window_fit
from tools.models.catalog import needed
from tools.models.place import is_here
from tools.pools import calls
from tools.pools.bench import Bench, Operation
from tools.pools.clock import Clock

SHEET_BYTES = 300_000
SHEET_TILES = 9

LARGEST_SIDE = 4096
"""Pixels of a video that comes from outside."""

PROXIES = ((1280, 23), (960, 26), (640, 28), (640, 34), (480, 36), (320, 38), (160, 42))
"""Longest side in pixels and H.264's crf of smaller copies of a video, tried in turn."""

AT_ONCE = 8
"""Frames whose faces are embedded together: enough for a recogniser on a GPU, few enough to tell of progress."""


def inspect_reference(request: calls.InspectReference, bench: Bench) -> calls.InspectReply:
    """Find and choose the face, and cut the person out.

    Raises ``InputError`` for a photo that cannot work; several faces without a choice come with a numbered picture.
    """
    image = media.read_image(bench.artifacts.read(request.photo))
    analyzer = bench.backend("faces", request.faces)
    remover = bench.backend("matting", request.matting)
    bench.report(0, 2, "finding the face")
    faces = analyzer.analyze([image])[0]
    floor = analyzer.thresholds.detector_floor
    try:
        chosen = _alike(faces, request.like, analyzer, bench) if request.like else _chosen(faces, floor, request)
    except InputError as error:
        sure = left_to_right(faces, floor)
        if len(sure) > 1:
            picture = bench.artifacts.put(media.png_bytes(annotate(image, sure)), "png")
            error.attachments["numbered_faces"] = picture
        raise
    face = left_to_right(faces, floor)[chosen]
    bench.report(1, 2, "cutting the person out")
    cut = remover.remove(image, face)
    reference = calls.ReferencePhoto(
        photo=request.photo,
        face=chosen,
        cut_out=bench.artifacts.put(media.png_bytes(cut.pixels), "png"),
        cut_method=cut.method,
        presentation=request.presentation or face.presentation or "person",
        faces=request.faces,
    )
    return calls.InspectReply(
        reference=reference,
        seen=_seen(face),
        recogniser=calls.RecogniserFacts(name=analyzer.name, thresholds=analyzer.thresholds),
    )


def _chosen(faces: Sequence[Face], floor: float, request: calls.InspectReference) -> int:
    number = face_number_at(faces, floor, request.face_at) if request.face_at else request.face
    return choose_face(faces, floor, number)


def _alike(faces: Sequence[Face], like: calls.ReferencePhoto, analyzer: FaceAnalyzer, bench: Bench) -> int:
    """The place, from the left, of the face that is the person's own."""
    sure, known = left_to_right(faces, analyzer.thresholds.detector_floor), _reference(like, bench).face
    similarities = [analyzer.similarity(known, face) for face in sure]
    place = int(np.argmax(similarities)) if sure else 0
    if sure and similarities[place] < analyzer.thresholds.video_p10:
        raise InputError(
            f"The photo seems to show somebody else than the first one (similarity {similarities[place]:.2f}, at least "
            f"{analyzer.thresholds.video_p10:.2f} is asked); leave it out."
        )
    return choose_face(faces, analyzer.thresholds.detector_floor, place + 1)


def paint_first_frames(request: calls.PaintFirstFrames, bench: Bench) -> calls.PaintReply:
    size = Size(request.width, request.height)
    bench.backend("video", request.video).check(ClipSpec(size, request.frames, request.fps))
    generator = bench.backend("first_frame", request.backend)
    references = _references(request.references, bench)
    phases = 2 if request.detailer else 1
    report = _phase(bench.report, 0, phases)
    images = generator.generate(references, request.prompt, request.seeds, size, report)
    for image in images:
        _expect_size(image, size, request.backend.name)
    if request.detailer:
        images = _detailed(images, references, request.detailer, request, bench)
    return calls.PaintReply(
        images=[
            bench.artifacts.put(media.png_bytes(image, _made_by(request.backend.name, request.prompt, seed)), "png")
            for image, seed in zip(images, request.seeds, strict=True)
        ]
    )


def _detailed(
    images: Sequence[RGBImage],
    references: Sequence[Reference],
    detailer: calls.Backend,
    request: calls.PaintFirstFrames,
    bench: Bench,
) -> list[RGBImage]:
    """The images with their faces painted again, each with its own seed, so that a batch is as good as single runs."""
    backend = bench.backend("face_detail", detailer)
    analyzer = bench.backend("faces", request.references[0].faces)
    report = _phase(bench.report, 1, 2)
    detailed: list[RGBImage] = []
    for number, (image, faces) in enumerate(zip(images, analyzer.analyze(images), strict=True)):
        detailed += backend.detail(
            [image],
            [_nearest_first(faces, references[0], analyzer)],
            references,
            request.prompt,
            request.detail_strength,
            request.seeds[number],
            _phase(report, number, len(images)),
        )
    return detailed


def score_images(request: calls.ScoreImages, bench: Bench) -> calls.ScoreReply:
    analyzer = bench.backend("faces", request.reference.faces)
    reference = _reference(request.reference, bench)
    images = [media.read_image(bench.artifacts.read(image)) for image in request.images]
    return calls.ScoreReply(
        scores=[
            _score(image, faces, reference, analyzer)
            for image, faces in zip(images, analyzer.analyze(images), strict=True)
        ]
    )


def animate(request: calls.Animate, bench: Bench) -> calls.ClipReply:
    generator = bench.backend("video", request.backend)
    clip = ClipSpec(Size(request.width, request.height), request.frames, request.fps)
    if "first_frame" in generator.needs and request.first_frame is None:
        raise InputError(
            f"The video backend {request.backend.name} needs a first frame; choose a preset that paints one."
        )
    given = Given(
        frames={0: media.read_image(bench.artifacts.read(request.first_frame))} if request.first_frame else {},
        references=tuple(_references(request.references, bench)) if "reference" in generator.needs else (),
        origin=_origin(request),
    )
    frames = generator.generate(request.prompt, clip, given, request.seed, bench.report)
    kept = _keep_clip(_checked(frames, clip, request.backend.name), request.fps, request.job_id, bench)
    if request.match_colours:
        made = bench.artifacts.path(kept)
        kept = _keep_clip(matched_to_first(lambda: media.read_clip(made)), request.fps, request.job_id, bench)
    return calls.ClipReply(clip=kept, takes_keyframes=generator.takes_keyframes)


def score_video(request: calls.ScoreVideo, bench: Bench) -> calls.ScoreVideoReply:
    """The frames scored are those of the file that will be delivered, after its lossy encoding."""
    analyzer = bench.backend("faces", request.reference.faces)
    reference = _reference(request.reference, bench)
    bench.report(0, request.samples + 1, "encoding")
    with bench.artifacts.new_file("mp4") as path:
        media.encode_mp4(
            media.read_clip(bench.artifacts.path(request.clip)), request.fps, path, request.title, request.comment
        )
        facts = media.clip_facts(path)
        file = bench.artifacts.put_file(path, "mp4")
    indices = sample_frames(facts.frames, request.samples)
    points = _points(bench.artifacts.path(file), indices, reference, analyzer, bench)
    return calls.ScoreVideoReply(
        video=file,
        bytes=bench.artifacts.path(file).stat().st_size,
        seconds=facts.frames / request.fps,
        score=summarise(points),
        whole=_whole_clip(request, bench.artifacts.path(file), bench),
    )


def score_file(request: calls.ScoreFile, bench: Bench) -> calls.ScoreFileReply:
    analyzer = bench.backend("faces", request.reference.faces)
    reference = _reference(request.reference, bench)
    video = bench.artifacts.path(request.video)
    with media.video_of_others():
        facts = media.clip_facts(video)
        seconds = facts.frames / facts.fps if facts.fps else facts.seconds
        if seconds > request.longest or max(facts.size.width, facts.size.height) > LARGEST_SIDE:
            raise InputError(
                f"The video plays {seconds:.0f} s at {facts.size.width}x{facts.size.height}; give one of at most "
                f"{request.longest:.0f} s and {LARGEST_SIDE} pixels a side."
            )
        points = _points(video, sample_frames(facts.frames, request.samples), reference, analyzer, bench)
    return calls.ScoreFileReply(
        fps=facts.fps,
        seconds=seconds,
        score=summarise(points),
        recogniser=calls.RecogniserFacts(name=analyzer.name, thresholds=analyzer.thresholds),
    )


def _points(
    video: Path, indices: Sequence[int], reference: Reference, analyzer: FaceAnalyzer, bench: Bench
) -> list[calls.FramePoint]:
    images = iter(media.read_frames(video, indices))
    points: list[calls.FramePoint] = []
    while batch := list(islice(images, AT_ONCE)):
        bench.report(len(points) + 1, len(indices) + 1, "comparing faces")
        for image, faces in zip(batch, analyzer.analyze(batch), strict=True):
            points.append(_point(indices[len(points)], _score(image, faces, reference, analyzer)))
    return points


def shrink_video(request: calls.ShrinkVideo, bench: Bench) -> calls.ShrinkReply:
    source = bench.artifacts.path(request.video)
    for step, (longest, crf) in enumerate(PROXIES):
        bench.report(step, len(PROXIES), "making a smaller copy")
        with bench.artifacts.new_file("mp4") as path:
            media.encode_proxy(source, path, longest, crf)
            if path.stat().st_size <= request.most_bytes:
                return calls.ShrinkReply(video=bench.artifacts.put_file(path, "mp4"))
    raise InputError(f"The video cannot be made as small as {request.most_bytes / 1e6:.1f} MB; open the file itself.")


def _point(frame: int, score: calls.ImageScore) -> calls.FramePoint:
    face = score.face
    if face is None:
        return calls.FramePoint(frame=frame, similarity=None)
    return calls.FramePoint(frame=frame, similarity=score.similarity, yaw=face.yaw, side=min(face.width, face.height))


def _whole_clip(request: calls.ScoreVideo, file: Path, bench: Bench) -> calls.WholeClip:
    first = media.read_image(bench.artifacts.read(request.first_frame)) if request.first_frame else None
    return calls.WholeClip(**asdict(check_clip(media.read_clip(file), request.fps, first)))


def fix_keyframes(request: calls.FixKeyframes, bench: Bench) -> calls.KeyframesReply:
    references = _references(request.references, bench)
    analyzer = bench.backend("faces", request.references[0].faces)
    frames = media.read_frames(bench.artifacts.path(request.clip), request.frames)
    fixed = bench.backend("face_detail", request.backend).detail(
        frames,
        [_nearest_first(faces, references[0], analyzer) for faces in analyzer.analyze(frames)],
        references,
        request.prompt,
        request.strength,
        request.seed,
        bench.report,
    )
    return calls.KeyframesReply(
        keyframes=[
            calls.Keyframe(frame=number, image=bench.artifacts.put(media.png_bytes(image), "png"))
            for number, image in zip(request.frames, fixed, strict=True)
        ]
    )


def repair_window(request: calls.RepairWindow, bench: Bench) -> calls.RepairReply:
    """Regenerate the window between fixed frames, and splice back only the drifted ones."""
    generator = bench.backend("video", request.backend)
    references = _references(request.references, bench)
    frames = list(media.read_clip(bench.artifacts.path(request.clip)))
    begin, end = request.drifted
    window = [frames[min(number, len(frames) - 1)] for number in range(request.first, request.last + 1)]
    good = range(end + 1 - request.first, min(request.last + 1, len(frames)) - request.first)
    keyframes = {
        each.frame - request.first: media.read_image(bench.artifacts.read(each.image)) for each in request.keyframes
    }
    given = Given(fixed_frames(window, keyframes, good), tuple(references))
    height, width = frames[0].shape[:2]
    clip = ClipSpec(Size(width, height), len(window), request.fps)
    made = generator.generate(request.prompt, clip, given, request.seed, bench.report)
    painted = list(_checked(made, clip, request.backend.name))
    mended = [*frames[:begin], *painted[begin - request.first : end + 1 - request.first], *frames[end + 1 :]]
    return calls.RepairReply(
        clip=_keep_clip(mended, request.fps, request.job_id, bench),
        fit=window_fit(frames, mended, range(begin, end + 1)),
    )


def encode_identity(request: calls.EncodeIdentity, bench: Bench) -> calls.EncodedReply:
    writer = bench.backend("identity", request.backend)
    with bench.artifacts.new_file("safetensors") as path:
        usage = writer.write_lora(_references(request.references, bench), path, bench.report)
        return calls.EncodedReply(lora=bench.artifacts.put_file(path, "safetensors"), usage=usage)


def make_contact_sheet(request: calls.MakeContactSheet, bench: Bench) -> calls.SheetReply:
    points = [request.points[index] for index in sample_frames(len(request.points), SHEET_TILES)]
    images = media.read_frames(bench.artifacts.path(request.video), [point.frame for point in points])
    tiles = [_tile(image, point, request) for image, point in zip(images, points, strict=True)]
    sheet = contact_sheet(tiles, request.caption)
    shown = [point.frame for point in points]
    return calls.SheetReply(sheet=bench.artifacts.put(jpeg_under(sheet, SHEET_BYTES), "jpg"), frames=shown)


def make_candidate_sheet(request: calls.MakeCandidateSheet, bench: Bench) -> calls.SheetReply:
    images = [media.read_image(bench.artifacts.read(candidate.image)) for candidate in request.candidates]
    tiles = [_candidate_tile(image, shown) for image, shown in zip(images, request.candidates, strict=True)]
    sheet = contact_sheet(tiles, request.caption)
    return calls.SheetReply(sheet=bench.artifacts.put(jpeg_under(sheet, SHEET_BYTES), "jpg"))


def complete_chat(request: calls.CompleteChat, bench: Bench) -> calls.ChatReply:
    model, clock = bench.backend("language", request.backend), Clock(request.seconds, bench.report)
    text = model.complete(request.model, request.messages, request.answer_schema, request.seed, clock.report)
    return calls.ChatReply(text=text, seconds=clock.seconds)


def check_backends(request: calls.CheckBackends, bench: Bench) -> calls.CheckReply:
    """A backend that loads a model of the catalog is found and not made: doctor looks for the model without loading."""
    missing = []
    for capability, chosen in request.backends.items():
        try:
            _check(capability, chosen, bench)
        except (Unavailable, InputError) as error:
            missing.append(str(error))
    return calls.CheckReply(missing=missing)


def _check(capability: registry.BackendCapability, chosen: calls.Backend, bench: Bench) -> None:
    """Torch is imported only where a backend could be made, or has options that must be looked at."""
    models = needed({capability: chosen.name})
    if not models:
        bench.backend(capability, chosen)
    elif chosen.options or all(is_here(model) for model in models):
        registry.factory(capability, chosen.name, chosen.options)
    else:
        registry.expect_installed(capability, chosen.name)


OPERATIONS: Mapping[str, Operation] = {
    operation.__name__: operation
    for operation in (
        inspect_reference,
        paint_first_frames,
        score_images,
        animate,
        score_video,
        score_file,
        shrink_video,
        fix_keyframes,
        repair_window,
        encode_identity,
        make_contact_sheet,
        make_candidate_sheet,
        complete_chat,
        check_backends,
    )
}


def sample_frames(frames: int, samples: int) -> list[int]:
    """Indices evenly spread over a clip, ends included: ``linspace(0, frames - 1, samples)``, the published rule."""
    return sorted({int(index) for index in np.linspace(0, frames - 1, min(samples, frames))})


def summarise(points: Sequence[calls.FramePoint]) -> calls.VideoScore:
    """The figures of a video from its scored frames: faceless ones skipped (the ConsisID rule), and counted 0."""
    seen = [point.similarity for point in points if point.similarity is not None]
    mean = float(np.mean(seen)) if seen else None
    first = points[0].similarity
    return calls.VideoScore(
        identity_skip=mean,
        identity_zero=float(np.sum(seen)) / len(points),
        face_rate=len(seen) / len(points),
        p10=float(np.percentile(seen, 10)) if seen else None,
        drift=first - mean if first is not None and mean is not None else None,
        points=list(points),
    )


def _score(image: RGBImage, faces: Sequence[Face], reference: Reference, analyzer: FaceAnalyzer) -> calls.ImageScore:
    sure = _nearest_first(faces, reference, analyzer)
    nearest = sure[0] if sure else None
    largest = max(sure, key=lambda face: face.box.width * face.box.height, default=None)
    faint = max(faces, key=lambda face: face.score, default=None) if nearest is None else None
    return calls.ImageScore(
        similarity=analyzer.similarity(reference.face, nearest) if nearest else None,
        largest_similarity=analyzer.similarity(reference.face, largest) if largest else None,
        face=_seen(nearest) if nearest else None,
        face_count=len(sure),
        faint=_seen(faint) if faint else None,
        width=image.shape[1],
        height=image.shape[0],
    )


def _nearest_first(faces: Sequence[Face], reference: Reference, analyzer: FaceAnalyzer) -> list[Face]:
    """The faces that the detector is sure of."""
    sure = [face for face in faces if face.score >= analyzer.thresholds.detector_floor]
    return sorted(sure, key=lambda face: analyzer.similarity(reference.face, face), reverse=True)


def _phase(report: Progress, number: int, phases: int) -> Progress:
    """The progress of one of several phases, from 0, as that of the whole, in hundredths of a phase."""

    def told(done: int, total: int, message: str) -> None:
        report(round(100 * (number + done / max(total, 1))), 100 * phases, message)

    return told if phases > 1 else report


def _references(photos: Sequence[calls.ReferencePhoto], bench: Bench) -> list[Reference]:
    return [_reference(photo, bench) for photo in photos]


def _reference(photo: calls.ReferencePhoto, bench: Bench) -> Reference:
    """The reference whole again; found and embedded once a worker."""

    def load() -> Reference:
        image = media.read_image(bench.artifacts.read(photo.photo))
        analyzer = bench.backend("faces", photo.faces)
        faces = left_to_right(analyzer.analyze([image])[0], analyzer.thresholds.detector_floor)
        cut = CutOut(media.read_rgba(bench.artifacts.read(photo.cut_out)), photo.cut_method)
        return Reference(image, faces[photo.face], cut, photo.presentation)

    return bench.cached(("reference", photo.model_dump_json()), load)


def _seen(face: Face) -> calls.SeenFace:
    return calls.SeenFace(
        x=face.box.x,
        y=face.box.y,
        width=face.box.width,
        height=face.box.height,
        detector_score=face.score,
        yaw=face.yaw,
        roll=face.roll,
    )


def _made_by(backend: str, prompt: str, seed: int) -> dict[str, str]:
    return {
        "Software": "Steadface",
        "steadface:backend": backend,
        "steadface:prompt": prompt,
        "steadface:seed": str(seed),
    }


def _origin(request: calls.Animate) -> Origin | None:
    backend, prompt, seed = request.first_frame_backend, request.first_frame_prompt, request.first_frame_seed
    return Origin(backend, prompt, seed) if backend and prompt is not None and seed is not None else None


def _checked(frames: Frames, clip: ClipSpec, backend: str) -> Iterator[RGBImage]:
    """The frames of a backend, held to the size and number that were asked for."""
    count = 0
    for image in frames:
        _expect_size(image, clip.size, backend)
        yield image
        count += 1
    if count != clip.frames:
        raise BackendError(f"The video backend {backend} made {count} frames instead of {clip.frames}.")


def _expect_size(image: RGBImage, size: Size, backend: str) -> None:
    if image.shape != (size.height, size.width, 3) or image.dtype != np.uint8:
        raise BackendError(
            f"The backend {backend} made a picture of {image.shape} instead of {size.width}x{size.height}."
        )


def _keep_clip(frames: Frames, fps: int, job_id: str, bench: Bench) -> calls.ArtifactId:
    with bench.artifacts.new_file("mkv") as path:
        media.write_lossless(frames, fps, path)
        return bench.artifacts.put_file(path, "mkv", job_id)


def _candidate_tile(image: RGBImage, shown: calls.ShownCandidate) -> Tile:
    found = "no face" if shown.similarity is None else f"{shown.similarity:.2f}"
    verdict = "passed" if shown.passed else "did not pass"
    return Tile(image, (f"{shown.number}: {found}", verdict), "good" if shown.passed else "weak")


def _tile(image: RGBImage, point: calls.FramePoint, request: calls.MakeContactSheet) -> Tile:
    when = f"{point.frame / request.fps:.1f} s"
    if point.similarity is None:
        return Tile(image, ("no face", when), "none")
    return Tile(image, (f"{point.similarity:.2f}", when), "good" if point.similarity >= request.good_from else "weak")
