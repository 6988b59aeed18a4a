"""Weights in files: safe to read whatever they hold, and whole or refused."""

import json
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from neuroceleb.errors import UserError
from neuroceleb.model import checkpoint, weights_file
from neuroceleb.model.networks import Discriminator, Generator
from neuroceleb.training import state_file
from tests import helpers


def assert_same(ours: torch.nn.Module, theirs: torch.nn.Module) -> None:
    expected = theirs.state_dict()
    assert ours.state_dict().keys() == expected.keys()
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


# Files that carry code ---------------------------------------------------------------------


class Trap:
    """Pickled, it becomes a call that makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.touch, (self.mark,))


def bare_pickle(path: Path, trap: Trap) -> None:
    path.write_bytes(pickle.dumps(trap))


def pickled_dictionary(path: Path, trap: Trap) -> None:
    path.write_bytes(pickle.dumps({"main.0.weight": trap}))


def zip_archive(path: Path, trap: Trap) -> None:
    torch.save(OrderedDict(helpers.random_generator().state_dict(), extra=trap), path)


def old_archive(path: Path, trap: Trap) -> None:
    weights = OrderedDict(helpers.random_generator().state_dict(), extra=trap)
    torch.save(weights, path, _use_new_zipfile_serialization=False)


def whole_model(path: Path, trap: Trap) -> None:
    model = helpers.random_generator()
    model.trap = trap  # type: ignore[assignment]
    torch.save(model, path)


TRAPS = [bare_pickle, pickled_dictionary, zip_archive, old_archive, whole_model]


@pytest.mark.parametrize("write", TRAPS)
def test_the_traps_work(write: Callable[[Path, Trap], None], tmp_path: Path) -> None:
    """Else the tests below would show nothing."""
    write(tmp_path / "netG.pth", Trap(tmp_path / "mark"))
    if write in (bare_pickle, pickled_dictionary):
        pickle.loads((tmp_path / "netG.pth").read_bytes())
    else:
        torch.load(tmp_path / "netG.pth", weights_only=False)
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize("write", TRAPS)
@pytest.mark.parametrize("suffix", ["pth", "pt", "pkl", "safetensors"])
@pytest.mark.parametrize("verb", ["sample", "export"])
def test_a_file_that_carries_code_is_refused_without_running_it(
    verb: str,
    suffix: str,
    write: Callable[[Path, Trap], None],
    tmp_path: Path,
    here: helpers.Here,
) -> None:
    path, mark, out = tmp_path / f"netG.{suffix}", tmp_path / "mark", tmp_path / "out.png"
    write(path, Trap(mark))
    if verb == "sample":
        outcome = here("sample", path, "--seeds", "0-3", "--out", out)
    else:
        outcome = here("export", path, "--format", "pth", "--out", out)
    outcome.assert_refused(str(path))
    assert not mark.exists()
    assert not out.exists()


@pytest.mark.slow
def test_the_real_command_line_refuses_code_too(tmp_path: Path) -> None:
    path, mark = tmp_path / "netG.pth", tmp_path / "mark"
    zip_archive(path, Trap(mark))
    outcome = helpers.command(tmp_path, "sample", path, "--seeds", "0", "--out", "faces")
    outcome.assert_refused("netG.pth was refused: it contains code")
    assert not mark.exists()


def test_a_state_that_carries_code_is_passed_over(tmp_path: Path) -> None:
    newest, older, mark = tmp_path / "state.pt", tmp_path / "state.previous.pt", tmp_path / "mark"
    state_file.save(newest, older, {"step": 1})
    state_file.save(newest, older, {"step": 2})
    torch.save({"version": state_file.STATE_VERSION, "step": 3, "trap": Trap(mark)}, newest)
    state, warnings = state_file.load(newest, older)
    assert state["step"] == 1
    assert len(warnings) == 1
    assert not mark.exists()


# What is no generator ----------------------------------------------------------------------


def changed(**changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    weights = dict(helpers.random_generator().state_dict())
    for name, tensor in changes.items():
        key = name.replace("_", ".", 2)
        if tensor is None:
            del weights[key]
        else:
            weights[key] = tensor
    return weights


ONES = torch.ones
NOT_GENERATORS: dict[str, tuple[Any, str]] = {
    "empty": ({}, "not a state dict"),
    "first layer missing": (changed(main_0_weight=None), "'main.0.weight' is missing"),
    "last layer missing": (changed(main_12_weight=None), "'main.12.weight' is missing"),
    "figure missing": (changed(main_4_running_mean=None), "'main.4.running_mean' is missing"),
    "flat": (changed(main_0_weight=ONES(8, 32)), r"'main.0.weight' has shape \(8, 32\)"),
    "no sides": (changed(main_0_weight=ONES(0, 32, 4, 4)), r"has shape \(0, 32, 4, 4\)"),
    "too wide": (
        changed(main_3_weight=ONES(32, 17, 4, 4)),
        r"'main.3.weight' has shape \(32, 17, 4, 4\), not \(32, 16, 4, 4\)",
    ),
    "too narrow": (changed(main_1_bias=ONES(31)), r"'main.1.bias' has shape \(31,\), not \(32,\)"),
    "one layer more": (changed(main_15_weight=ONES(3)), "unknown key 'main.15.weight'"),
    "not finite": (changed(main_4_weight=ONES(16) * float("nan")), "not finite"),
    "a discriminator": (Discriminator(4).state_dict(), "is a discriminator: a generator is"),
    "a list": ([ONES(3)], "not a state dict"),
    "numbers": ({"main.0.weight": 3}, "not a state dict"),
    "keys": ({3: ONES(3)}, "not a state dict"),
    "only an optimizer": ({"optimizer": {"state": {0: {"step": ONES(1)}}}}, "not a state dict"),
    "whole numbers": (changed(main_0_weight=ONES(8, 32, 4, 4, dtype=torch.int64)), "numbers"),
    "complex": (changed(main_0_weight=ONES(8, 32, 4, 4, dtype=torch.complex64)), "numbers"),
    "sparse": (changed(main_0_weight=ONES(8, 32, 4, 4).to_sparse()), "numbers|refused|damaged"),
}


@pytest.mark.parametrize("as_zip", [True, False])
@pytest.mark.parametrize("name", NOT_GENERATORS)
def test_what_is_no_generator_is_refused_by_name(name: str, as_zip: bool, tmp_path: Path) -> None:
    value, words = NOT_GENERATORS[name]
    path = tmp_path / "netG.pth"
    torch.save(value, path, _use_new_zipfile_serialization=as_zip)
    with pytest.raises(UserError, match=words) as refusal:
        checkpoint.load_generator(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("name", ["first layer missing", "too wide", "a discriminator"])
def test_what_is_no_generator_in_safetensors_is_refused_by_name(name: str, tmp_path: Path) -> None:
    value, words = NOT_GENERATORS[name]
    save_file(dict(value), tmp_path / "netG.safetensors")
    with pytest.raises(UserError, match=words):
        checkpoint.load_generator(tmp_path / "netG.safetensors")


def test_a_generator_is_no_discriminator(tmp_path: Path) -> None:
    checkpoint.save_pth(tmp_path / "netG.pth", helpers.random_generator())
    with pytest.raises(UserError, match="is a generator: a discriminator is needed"):
        checkpoint.load_discriminator(tmp_path / "netG.pth")


def test_weights_that_claim_a_giant_are_refused_before_it_is_made(tmp_path: Path) -> None:
    """A few bytes, repeated without copies, that mean a network of many gigabytes."""
    first = torch.zeros(1).expand(4_096, 8 * 20_000, 4, 4)
    last = torch.zeros(1).expand(20_000, 3, 4, 4)
    torch.save({"main.0.weight": first, "main.12.weight": last}, tmp_path / "netG.pth")
    assert (tmp_path / "netG.pth").stat().st_size < 10_000
    with pytest.raises(UserError, match=r"netG\.pth is not .*: its ngf 20000 is too large"):
        checkpoint.load_generator(tmp_path / "netG.pth")


@pytest.mark.parametrize(("ndf", "nc"), [(20_000, 3), (64, 2**40)])
def test_so_is_a_giant_discriminator(ndf: int, nc: int, tmp_path: Path) -> None:
    torch.save({"main.0.weight": torch.zeros(1).expand(ndf, nc, 4, 4)}, tmp_path / "netD.pth")
    with pytest.raises(UserError, match="is too large"):
        checkpoint.load_discriminator(tmp_path / "netD.pth")


def test_a_file_too_large_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save_pth(tmp_path / "netG.pth", helpers.random_generator())
    monkeypatch.setattr(weights_file, "MAX_BYTES", 1_000)
    with pytest.raises(UserError, match=r"netG\.pth is over"):
        checkpoint.load_generator(tmp_path / "netG.pth")


@pytest.mark.parametrize("name", ["netG.pth", "netG.safetensors", "no-suffix"])
@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04", b"\x80\x02}q\x00"])
def test_a_damaged_file_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        checkpoint.load_generator(tmp_path / name)


def test_a_safetensors_header_of_terabytes_is_refused(tmp_path: Path) -> None:
    header = {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    blob = json.dumps(header).encode()
    for length in (len(blob), 2**60):
        (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", length) + blob)
        with pytest.raises(UserError, match=r"a\.safetensors is not a complete safetensors file"):
            checkpoint.load_generator(tmp_path / "a.safetensors")


def test_a_folder_and_nothing_at_all_are_named(tmp_path: Path) -> None:
    (tmp_path / "folder.pth").mkdir()
    for name in ("folder.pth", "nothing.pth"):
        with pytest.raises(UserError, match=name):
            checkpoint.load_generator(tmp_path / name)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(st.sampled_from(["zip", "old", "safetensors"]), st.data())
def test_damaged_bytes_are_a_generator_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, kind: str, hurt: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("damaged")
    network = helpers.random_generator(nz=2, ngf=1)
    path = place / ("netG.safetensors" if kind == "safetensors" else "netG.pth")
    if kind == "safetensors":
        checkpoint.save_weights(path, network, {"epoch": 1})
    else:
        torch.save(network.state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    blob = bytearray(path.read_bytes())
    for _ in range(hurt.draw(st.integers(1, 4))):
        # Mostly where the structure is: a changed weight is as good as another.
        blob[hurt.draw(st.integers(0, min(len(blob) - 1, 2_000)))] = hurt.draw(st.integers(0, 255))
    path.write_bytes(bytes(blob[: hurt.draw(st.integers(1, len(blob)) | st.just(len(blob)))]))
    try:
        found, _ = checkpoint.load_generator(path)
    except UserError as error:
        assert str(path) in str(error)
    else:
        assert isinstance(found, Generator)


# What comes back ---------------------------------------------------------------------------


@pytest.mark.parametrize(("nz", "ngf", "nc"), [(100, 8, 3), (8, 4, 3), (1, 1, 3), (13, 3, 3)])
@pytest.mark.parametrize("kind", ["safetensors", "zip", "old"])
def test_the_shape_is_read_from_the_weights(
    kind: str, nz: int, ngf: int, nc: int, tmp_path: Path
) -> None:
    network = helpers.random_generator(nz, ngf, nc)
    path = tmp_path / ("netG.safetensors" if kind == "safetensors" else "netG.pth")
    if kind == "safetensors":
        checkpoint.save_weights(path, network, {})
    else:
        torch.save(network.state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    found, config = checkpoint.load_generator(path)
    assert (found.nz, found.nc) == (nz, nc)
    assert found.main[9].out_channels == ngf
    assert not found.training
    assert config == {}
    assert_same(found, network)


def test_config_comes_along_in_the_file_itself(tmp_path: Path) -> None:
    config = {"run": "얼굴 😀", "epoch": 3, "settings": {"lr": 2e-4}}
    checkpoint.save_weights(tmp_path / "a.safetensors", helpers.random_generator(), config)
    assert checkpoint.load_generator(tmp_path / "a.safetensors")[1] == config
    assert list(tmp_path.iterdir()) == [tmp_path / "a.safetensors"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"', "null"])
def test_a_strange_config_is_none(text: str, tmp_path: Path) -> None:
    weights = dict(helpers.random_generator().state_dict())
    save_file(weights, tmp_path / "a.safetensors", {"neuroceleb": text})
    assert checkpoint.load_generator(tmp_path / "a.safetensors")[1] == {}


def test_half_precision_is_half_the_size_and_nearly_the_same(tmp_path: Path) -> None:
    network = helpers.random_generator(ngf=16)
    checkpoint.save_weights(tmp_path / "whole.safetensors", network, {})
    checkpoint.save_weights(tmp_path / "half.safetensors", network, {}, "float16")
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "whole")]
    assert sizes[0] < 0.55 * sizes[1]
    stored = load_file(tmp_path / "half.safetensors")
    assert stored["main.0.weight"].dtype == torch.float16
    assert stored["main.1.running_var"].dtype == torch.float32
    found, _ = checkpoint.load_generator(tmp_path / "half.safetensors")
    for name, tensor in found.state_dict().items():
        assert tensor.dtype == network.state_dict()[name].dtype
        torch.testing.assert_close(tensor, network.state_dict()[name], rtol=1e-3, atol=1e-6)


def test_memory_formats_do_not_show_in_files(tmp_path: Path) -> None:
    plain = helpers.random_generator()
    turned = helpers.random_generator().to(memory_format=torch.channels_last)
    for name, network in (("plain", plain), ("turned", turned)):
        checkpoint.save_weights(tmp_path / f"{name}.safetensors", network, {})
        checkpoint.save_pth(tmp_path / f"{name}.pth", network)
    for kind in ("safetensors", "pth"):
        one, other = (tmp_path / f"{name}.{kind}" for name in ("plain", "turned"))
        assert_same(checkpoint.load_generator(one)[0], checkpoint.load_generator(other)[0])


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_export_and_back_changes_nothing(kind: str, tmp_path: Path, here: helpers.Here) -> None:
    network = helpers.random_generator()
    config = {"run": "first", "epoch": 3}
    first, there = tmp_path / "a.safetensors", tmp_path / f"b.{kind}"
    back = tmp_path / "made if need be" / "c.safetensors"
    checkpoint.save_weights(first, network, config)
    assert here("export", first, "--format", kind, "--out", there).code == 0
    assert here("export", there, "--format", "safetensors", "--out", back).code == 0
    found, kept = checkpoint.load_generator(back)
    assert_same(found, network)
    assert kept == (config if kind == "safetensors" else {})


@pytest.mark.parametrize("name", ["main.1.running_var", "main.3.weight"])
def test_weights_that_overflow_are_refused(name: str, tmp_path: Path) -> None:
    network = helpers.random_generator()
    tensor = network.state_dict()[name]
    tensor.copy_(torch.full_like(tensor, -1.0 if "var" in name else 3e38))
    checkpoint.save_weights(tmp_path / "netG.safetensors", network, {})
    with pytest.raises(UserError, match="no images of finite numbers"):
        checkpoint.load_generator(tmp_path / "netG.safetensors")


# The shipped files ---------------------------------------------------------------------------

SHIPPED = sorted((helpers.ROOT / "checkpoints").glob("*/net*.safetensors"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_shipped_weights_name_their_run_and_no_path_of_a_machine(path: Path) -> None:
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["neuroceleb"])
    assert facts["run"] == path.parent.name
    texts = [value for value in facts["settings"].values() if isinstance(value, str)]
    assert not [text for text in texts if "/" in text or "\\" in text]
