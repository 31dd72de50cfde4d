from __future__ import annotations

import sys
from pathlib import Path
from secrets import token_hex

import pytest
import torch
from green_faces import GreenFaces, photo_of, reference_of
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_hyperlora import TINY, save_tiny_hyperlora

from tools.contracts import Box
from tools.errors import Cancelled, InputError, Unavailable
from tools.first_frame.hyperlora.antelope import Antelope
from tools.first_frame.hyperlora.checkpoint import load_network
from tools.first_frame.hyperlora.clip import PictureEncoder
from tools.first_frame.hyperlora.identity import HyperLoraIdentity, Photo, Writer
from tools.first_frame.hyperlora.shelf import Shelf
from tools.notes import noted
from tools.sdxl import IdentityLora, Sdxl, load

FACE = Box(150, 80, 100, 120)
ONE = reference_of(photo_of(FACE), FACE)
OTHER = reference_of(photo_of(FACE, seed=1), FACE)
FACELESS = reference_of(photo_of(), FACE)


def quiet(done: int, total: int, message: str) -> None:
    pass


def identities(hyperlora: Path, clip: Path, reader: GreenFaces | None = None) -> HyperLoraIdentity:
    writer = Writer(load_network(hyperlora), PictureEncoder(clip), reader or GreenFaces())
    return HyperLoraIdentity(lambda: writer, "tiny", Shelf(hyperlora.parent / token_hex(4)))


def differ(a: IdentityLora, b: IdentityLora) -> bool:
    return any(not torch.equal(a.weights[key], b.weights[key]) for key in a.weights)


def test_a_persons_lora_is_made_once(tiny_hyperlora, tiny_clip):
    reader = GreenFaces()
    encoder = identities(tiny_hyperlora, tiny_clip, reader)
    first = encoder.encode([ONE], quiet)
    looks = len(reader.asked)
    assert encoder.encode([reference_of(photo_of(FACE), FACE)], quiet).weights is first.weights
    assert len(reader.asked) == looks
    assert differ(encoder.encode([OTHER], quiet), first)


def test_a_person_who_was_read_before_needs_no_model(tiny_hyperlora, tiny_clip, tmp_path):
    """Another process, with the same folder, does not load three gigabytes again."""
    writer = Writer(load_network(tiny_hyperlora), PictureEncoder(tiny_clip), GreenFaces())
    first = HyperLoraIdentity(lambda: writer, "tiny", Shelf(tmp_path)).encode([ONE], quiet)
    later = HyperLoraIdentity(nobody_needs_it, "tiny", Shelf(tmp_path)).encode([ONE], quiet)
    assert later.name == first.name
    assert not differ(later, first)


def test_with_other_weights_a_person_is_read_again(tiny_hyperlora, tiny_clip, tmp_path):
    writer = Writer(load_network(tiny_hyperlora), PictureEncoder(tiny_clip), GreenFaces())
    HyperLoraIdentity(lambda: writer, "tiny", Shelf(tmp_path)).encode([ONE], quiet)
    with pytest.raises(AssertionError, match="loaded"):
        HyperLoraIdentity(nobody_needs_it, "tiny, trained on", Shelf(tmp_path)).encode([ONE], quiet)


def nobody_needs_it() -> Writer:
    raise AssertionError("the models were loaded")


def test_without_a_face_that_was_chosen_the_surest_is_read(tiny_hyperlora, tiny_clip):
    """Of two faces the larger, which the reader is surer of."""
    small, large = Box(20, 100, 60, 70), Box(200, 60, 120, 140)
    image = photo_of(small, large)
    writer = Writer(load_network(tiny_hyperlora), PictureEncoder(tiny_clip), GreenFaces())
    unchosen, of_large, of_small = (writer.write([Photo(image, person)], quiet) for person in (None, large, small))
    assert all(torch.equal(unchosen[key], of_large[key]) for key in unchosen)
    assert any(not torch.equal(unchosen[key], of_small[key]) for key in unchosen)


def test_several_photos_make_one_identity(tiny_hyperlora, tiny_clip):
    encoder = identities(tiny_hyperlora, tiny_clip)
    both, one, other = (encoder.encode(photos, quiet) for photos in ([ONE, OTHER], [ONE], [OTHER]))
    assert len({both.name, one.name, other.name}) == 3
    assert both.weights.keys() == one.weights.keys()
    assert differ(both, one)
    assert differ(both, other)


def test_a_photo_whose_face_is_not_found_is_left_out_and_it_is_said(tiny_hyperlora, tiny_clip):
    encoder = identities(tiny_hyperlora, tiny_clip)
    with noted() as notes:
        two = encoder.encode([ONE, FACELESS], quiet)
    assert not differ(two, encoder.encode([ONE], quiet))
    assert notes == ["HyperLoRA found a face in 1 of the 2 photos, and left the others out."]


def test_photos_of_different_sizes_make_one_identity(tiny_hyperlora, tiny_clip):
    other = reference_of(photo_of(FACE, size=(640, 301), seed=1), FACE)
    assert differ(
        identities(tiny_hyperlora, tiny_clip).encode([ONE, other], quiet),
        identities(tiny_hyperlora, tiny_clip).encode([ONE], quiet),
    )


def test_no_face_in_any_photo_is_told(tiny_hyperlora, tiny_clip):
    with pytest.raises(InputError, match="finds no face in the reference; choose a photo"):
        identities(tiny_hyperlora, tiny_clip).encode([FACELESS], quiet)


def test_reading_a_face_can_be_cancelled(tiny_hyperlora, tiny_clip):
    def cancel(done: int, total: int, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        identities(tiny_hyperlora, tiny_clip).encode([ONE], cancel)


@pytest.mark.parametrize("original_names", [False, True])
def test_attention_changes_by_exactly_the_matrices_that_were_written(
    tiny_sdxl: Sdxl, tiny_clip, tmp_path, original_names
):
    """ΔW = strength · ½ · up · down, in every query, key, value and output layer; under both spellings."""
    identity = identities(save_tiny_hyperlora(tmp_path, original_names), tiny_clip).encode([ONE], quiet)
    expected = identities(save_tiny_hyperlora(tmp_path / "ours"), tiny_clip).encode([ONE], quiet).weights
    unet = tiny_sdxl.pipe.unet
    before = {name: unet.get_submodule(name) for name in _attention_layers(unet)}
    numbers = torch.Generator().manual_seed(3)
    with tiny_sdxl.wearing(identity), torch.no_grad():
        for name, plain in before.items():
            key = f"lora_unet_{name}".replace(".", "_")
            down, up = expected[f"{key}.lora_down.weight"], expected[f"{key}.lora_up.weight"]
            delta = 0.85 * 0.5 * up @ down
            x = torch.randn(4, plain.in_features, generator=numbers)
            changed = unet.get_submodule(name)(x) - plain(x)
            torch.testing.assert_close(changed, x @ delta.T, atol=1e-5, rtol=1e-5)
            assert changed.abs().max() > 1e-3
    assert len(before) * 3 == len(identity.weights)


def _attention_layers(unet: torch.nn.Module) -> list[str]:
    ends = (".to_q", ".to_k", ".to_v", ".to_out.0")
    return [name for name, _ in unet.named_modules() if name.endswith(ends)]


def test_what_it_writes_is_a_lora_file_for_any_sdxl_pipeline(tiny_sdxl_folder, tiny_hyperlora, tiny_clip, tmp_path):
    identity = identities(tiny_hyperlora, tiny_clip).encode([ONE], quiet)
    save_file(dict(identity.weights), tmp_path / "me.safetensors")
    read = load_file(tmp_path / "me.safetensors")
    assert all(torch.equal(read[key], value) for key, value in identity.weights.items())
    pipe = load(tiny_sdxl_folder, torch.device("cpu")).pipe
    pipe.load_lora_weights(tmp_path, weight_name="me.safetensors", adapter_name="me")
    assert pipe.get_active_adapters() == ["me"]


def test_a_missing_picture_encoder_is_told(tmp_path):
    with pytest.raises(Unavailable, match=r"steadface models pull clip \(licence: MIT\)"):
        PictureEncoder(tmp_path / "none")


def test_the_picture_encoder_gives_what_its_layer_before_the_last_gives(tiny_clip):
    encoder = PictureEncoder(tiny_clip)
    pictures = [Image.fromarray(photo_of(size=(40, 50), seed=seed)) for seed in (0, 1)]
    states = encoder.encode(pictures)
    assert states.shape == (2, 5, TINY.dim)
    assert not torch.equal(states[0], states[1])
    torch.testing.assert_close(encoder.encode(pictures[:1])[0], states[0], atol=1e-5, rtol=1e-5)
    seen: list[torch.Tensor] = []
    layers = encoder._model.vision_model.encoder.layers
    hook = layers[-2].register_forward_hook(lambda _module, _given, states: seen.append(states))
    again = encoder.encode(pictures)
    hook.remove()
    assert torch.equal(seen[0], again)


def test_a_missing_pack_of_face_models_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("STEADFACE_ANTELOPEV2", str(tmp_path))
    with pytest.raises(Unavailable, match=r"holds no scrfd_10g_bnkps\.onnx; .*not for commercial use"):
        Antelope()


def test_missing_insightface_is_told(monkeypatch, tmp_path):
    for model in ("scrfd_10g_bnkps.onnx", "2d106det.onnx", "glintr100.onnx"):
        (tmp_path / "antelopev2").mkdir(exist_ok=True)
        (tmp_path / "antelopev2" / model).touch()
    monkeypatch.setenv("STEADFACE_ANTELOPEV2", str(tmp_path))
    monkeypatch.setitem(sys.modules, "insightface.model_zoo", None)
    monkeypatch.setitem(sys.modules, "insightface", None)
    with pytest.raises(Unavailable, match="pip install --no-deps insightface"):
        Antelope()
