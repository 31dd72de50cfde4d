"""The detailer on a tiny random SDXL: where pixels change, as whom, and from which seed."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_sdxl import save_tiny_sdxl

from tools import sdxl
from tools.contracts import Box, CutOut, Face, Reference
from tools.errors import BackendError, Cancelled
from tools.face_detail import geometry
from tools.face_detail.detailer import SdxlDetailer
from tools.face_detail.geometry import spot_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
"""PyTorch's tensors do not know NumPy 2's ``copy``, and the scheduler of diffusers makes arrays of them."""

SIZE = geometry.Size(120, 80)
LEFT, RIGHT = Box(14, 24, 24, 28), Box(80, 24, 24, 28)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """A model this small is slowed down by more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


class Encoder:
    """Makes a small LoRA of one attention layer for anybody, and remembers whom."""

    def __init__(self):
        self.asked = []

    def encode(self, references, report):
        self.asked.append(references)
        layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_v"
        noise = torch.Generator().manual_seed(3)
        weights = {
            f"{layer}.lora_down.weight": torch.randn(2, 32, generator=noise),
            f"{layer}.lora_up.weight": torch.randn(32, 2, generator=noise),
            f"{layer}.alpha": torch.tensor(2.0),
        }
        return sdxl.IdentityLora("somebody", weights, "trigger")


@pytest.fixture
def encoder():
    return Encoder()


@pytest.fixture
def new_detailer(tiny, encoder, monkeypatch):
    """``new_detailer()`` has a pipeline just loaded."""
    monkeypatch.setattr(geometry, "GUIDE_SIZE", 32)
    monkeypatch.setattr(geometry, "LONGEST_SIDE", 64)
    return lambda: SdxlDetailer(sdxl.load(tiny, torch.device("cpu"), torch.float32), encoder)


@pytest.fixture
def painting(new_detailer):
    """``painting(frames, boxes, …)`` details the frames."""

    def paint(frames, boxes, strength=0.5, seed=7, prompt="a person", report=lambda *_: None):
        faces = [[face(box) for box in here] for here in boxes]
        return new_detailer().detail(frames, faces, [reference()], prompt, strength, seed, report)

    return paint


def face(box):
    return Face(box, 1.0, {}, np.zeros(4, np.float32))


def reference():
    image = picture(9)
    return Reference(image, face(LEFT), CutOut(np.dstack([image, image[..., :1]]), "none"), "person")


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (SIZE.height, SIZE.width, 3), dtype=np.uint8)


def feathered_area(*boxes):
    area = np.zeros((SIZE.height, SIZE.width), bool)
    for spot in (spot_of(box, SIZE) for box in boxes):
        rows, columns = spot.crop.slices
        within = area[rows, columns]
        mask = spot.mask
        within[max(0, mask.top - 5) : mask.bottom + 5, max(0, mask.left - 5) : mask.right + 5] = True
    return area


def changed(before, after):
    return (before != after).any(axis=2)


def test_only_the_feathered_box_changes_and_the_rest_is_the_same_to_the_bit(painting):
    before = picture()
    (after,) = painting([before], [[LEFT]])
    area = feathered_area(LEFT)
    assert after.shape == before.shape
    assert after.dtype == np.uint8
    assert not changed(before, after)[~area].any()
    assert changed(before, after)[area].mean() > 0.9


def test_strength_nought_keeps_every_pixel(painting, encoder):
    before = picture()
    (after,) = painting([before], [[LEFT]], strength=0.0)
    assert np.array_equal(before, after)
    assert encoder.asked == []


def test_a_frame_without_faces_stays_as_it_was(painting):
    before = picture(1)
    without, with_face = painting([before, picture(2)], [[], [LEFT]])
    assert np.array_equal(without, before)
    assert changed(with_face, picture(2)).any()


@pytest.mark.parametrize("strength", [0.1, 0.3, 0.4, 0.7, 1.0])
def test_every_strength_takes_ten_steps(painting, strength):
    told = []
    painting([picture()], [[LEFT]], strength=strength, report=lambda *news: told.append(news))
    assert told == [(step, 10, "repainting faces") for step in range(1, 11)]


def test_the_workflow_starts_halfway_at_its_noise_level(painting, monkeypatch):
    levels = []
    step = sdxl.DPMSolverMultistepScheduler.step

    def listen(self, *given, **named):
        done = step(self, *given, **named)
        levels.append(float(self.sigmas[self.step_index - 1]))
        return done

    monkeypatch.setattr(sdxl.DPMSolverMultistepScheduler, "step", listen)
    painting([picture()], [[LEFT]])
    assert len(levels) == 10
    assert levels[0] == pytest.approx(1.0908, abs=1e-4)


def test_the_same_seed_gives_the_same_pixels_and_another_gives_others(painting):
    first, again, other = (painting([picture()], [[LEFT]], seed=seed)[0] for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert changed(first, other).any()


def test_several_faces_are_painted_each_with_a_seed_of_its_own(painting):
    before = picture()
    (both,) = painting([before], [[LEFT, RIGHT]], seed=7)
    area = feathered_area(LEFT, RIGHT)
    assert not changed(before, both)[~area].any()
    assert changed(before, both)[feathered_area(RIGHT)].mean() > 0.9
    (left,) = painting([before], [[LEFT]], seed=7)
    (right,) = painting([before], [[Box(0, 0, 5, 5), RIGHT]], seed=7)
    assert np.array_equal(both[feathered_area(LEFT)], left[feathered_area(LEFT)])
    assert np.array_equal(both[feathered_area(RIGHT)], right[feathered_area(RIGHT)])


def test_the_place_among_the_faces_is_added_to_the_seed(painting):
    before, tiny_face = picture(), Box(0, 0, 5, 5)
    (second,) = painting([before], [[tiny_face, RIGHT]], seed=7)
    (third,) = painting([before], [[tiny_face, tiny_face, RIGHT]], seed=6)
    (later,) = painting([before], [[tiny_face, tiny_face, RIGHT]], seed=7)
    assert np.array_equal(second, third)
    assert changed(second, later).any()


def test_only_the_nearest_face_gets_the_identity(painting, encoder, monkeypatch):
    worn, said = [], []
    wearing, encode = sdxl.Sdxl.wearing, sdxl.Sdxl.encode
    monkeypatch.setattr(
        sdxl.Sdxl, "wearing", lambda self, who, much: worn.append(who and who.name) or wearing(self, who, much)
    )
    monkeypatch.setattr(sdxl.Sdxl, "encode", lambda self, text, *rest: said.append(text) or encode(self, text, *rest))
    (both,) = painting([picture()], [[LEFT, RIGHT]])
    assert worn == ["somebody", None]
    assert said == ["trigger, a person", "a person"]
    (swapped,) = painting([picture()], [[RIGHT, LEFT]])
    assert changed(both, swapped)[feathered_area(LEFT)].any()


def test_the_identity_changes_the_face_and_is_made_once_for_all_frames(painting, encoder, monkeypatch):
    frames, boxes = [picture(), picture(1)], [[LEFT], [LEFT]]
    as_somebody = painting(frames, boxes)
    assert len(encoder.asked) == 1
    monkeypatch.setattr(sdxl.Sdxl, "wearing", lambda self, who, much: nullcontext())
    as_nobody = painting(frames, boxes)
    assert changed(as_somebody[0], as_nobody[0]).any()
    assert changed(as_somebody[1], as_nobody[1]).any()


def test_nobody_is_encoded_where_the_person_is_not_to_be_painted(painting, encoder):
    painting([picture()], [[Box(0, 0, 5, 5), RIGHT]])
    assert encoder.asked == []


def test_it_stops_at_the_step_at_which_it_is_cancelled(painting):
    told = []

    def report(done, total, message):
        told.append(done)
        if done == 13:
            raise Cancelled

    with pytest.raises(Cancelled):
        painting([picture()], [[LEFT, RIGHT]], report=report)
    assert told == list(range(1, 14))


def test_numbers_that_overflow_are_told_and_never_laid_into_the_frame(new_detailer):
    worker = new_detailer()
    with torch.no_grad():
        worker._painter.pipe.vae.decoder.conv_out.bias.fill_(torch.nan)
    with pytest.raises(BackendError, match="the picture would be black"):
        worker.detail([picture()], [[face(LEFT)]], [reference()], "", 0.5, 7, lambda *_: None)


def test_the_noise_is_the_first_draw_of_the_seed(new_detailer):
    """The UNet first sees (latents + sigma noise) / sqrt(sigma² + 1), of the crop enlarged and in whole cells."""
    worker = new_detailer()
    pipe, seen = worker._painter.pipe, []
    pipe.unet.register_forward_pre_hook(lambda unet, given: seen.append(given[0]))
    frame = picture()
    worker.detail([frame], [[face(LEFT)]], [reference()], "", 0.5, 7, lambda *_: None)

    crop = Image.fromarray(frame[6:69, 0:54]).resize((55, 64), Image.Resampling.LANCZOS).crop((3, 0, 51, 64))
    pixels = torch.from_numpy(np.asarray(crop) / np.float32(127.5) - 1).permute(2, 0, 1)[None]
    with torch.no_grad():
        latents = pipe.vae.encode(pixels).latent_dist.mean * 0.13025
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(7))
    sigma = 1.0908
    expected = (latents + sigma * noise) / (sigma**2 + 1) ** 0.5
    assert torch.allclose(seen[0], expected.expand(2, -1, -1, -1), atol=1e-4)


def test_the_masks_border_cells_are_soft(new_detailer):
    spot = geometry.Spot(geometry.Region(0, 0, 16, 16), geometry.Region(5, 0, 16, 16), geometry.Size(16, 16))
    worker = new_detailer()
    mask = worker._pipe.mask_processor.preprocess(worker._mask(spot, spot.crop), height=16, width=16)
    assert mask[0, 0, 3].tolist() == np.repeat([0, 0, 0.5, 1, 1, 1, 1, 1], 2).tolist()


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning")  # the pipeline's own
def test_half_precision_paints_nearly_the_same(new_detailer, precision):
    whole, half = new_detailer(), new_detailer()
    half._painter.pipe.to(precision)
    first, second = (
        worker.detail([picture()], [[face(LEFT)]], [reference()], "", 0.5, 7, lambda *_: None)[0].astype(int)
        for worker in (whole, half)
    )
    assert np.abs(first - second).max() < 12
    assert half._painter.pipe.vae.dtype == precision
