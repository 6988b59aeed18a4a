"""Weights and histories that ask for memory, and tensors without plain numbers."""

import io
import pickle
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from neuroceleb import limited
from neuroceleb.errors import UserError
from neuroceleb.model import checkpoint
from neuroceleb.runs import import_2017
from neuroceleb.training import state_file
from tests import bombs, helpers

PARAMETER = "main.4.weight"


def saved(value: Any, path: Path) -> Path:
    torch.save(value, path)
    return path


def with_tensor(tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    return {**helpers.random_generator().state_dict(), PARAMETER: tensor}


STRANGE: dict[str, Callable[[], torch.Tensor]] = {
    "sparse": lambda: torch.ones(16).to_sparse(),
    "no": lambda: torch.ones(16, device="meta"),
    "float8_e4m3fn": lambda: torch.ones(16).to(torch.float8_e4m3fn),
    "float8_e5m2": lambda: torch.ones(16).to(torch.float8_e5m2),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(3), torch.ones(5)]),
    "qint8": lambda: torch.quantize_per_tensor(torch.ones(16), 0.1, 0, torch.qint8),
    "complex64": lambda: torch.ones(16, dtype=torch.complex64),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.filterwarnings("ignore:.*quantize_per_tensor")
@pytest.mark.filterwarnings("ignore:.*TypedStorage")
@pytest.mark.parametrize("kind", STRANGE)
def test_a_tensor_without_plain_numbers_is_a_sentence(kind: str, tmp_path: Path) -> None:
    path = saved(with_tensor(STRANGE[kind]()), tmp_path / "netG.pth")
    with pytest.raises(UserError, match=r"netG\.pth (is|was)") as refusal:
        checkpoint.load_generator(path)
    assert "\n" not in str(refusal.value)


def test_float8_in_safetensors_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "netG.safetensors"
    save_file(with_tensor(STRANGE["float8_e4m3fn"]()), path)
    with pytest.raises(UserError, match=f"'{PARAMETER}' holds float8_e4m3fn numbers"):
        checkpoint.load_generator(path)


def huge_bytearray() -> bytes:
    """A zip of torch.save whose pickle calls bytearray(10**11), which weights_only allows."""
    code = b"\x80\x02c__builtin__\nbytearray\n\x8a\x05\x00\xe8\x76\x48\x17\x85R."
    return bombs.torch_zip(code, {})


def repeated_storage() -> bytes:
    """A state dict of a thousand tensors of 400 MB each, all views of four bytes."""
    buffer = io.BytesIO()
    view = torch.zeros(1).expand(10_000, 10_000)
    torch.save({f"a{number}": view for number in range(1_000)}, buffer)
    return buffer.getvalue()


def compressed_zeros() -> bytes:
    return bombs.torch_zip(pickle.dumps({}, 2), {"0": 10**9})


BOMBS = {"bytearray": huge_bytearray, "views": repeated_storage, "zip": compressed_zeros}


def peak_kb(child: Any) -> int:
    """The most memory that the child held, which may have ended; 0 then."""
    process = child._process
    if process is None or process.poll() is not None:
        return 0
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_weights_that_ask_for_memory_are_a_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / "netG.pth"
    path.write_bytes(BOMBS[name]())
    with pytest.raises(UserError, match=r"netG\.pth"):
        checkpoint.load_generator(path)
    assert peak_kb(limited._child) < 1_000_000


@pytest.mark.parametrize("make", [bombs.memo_pickle, bombs.doubling_pickle])
def test_a_history_that_asks_for_memory_is_a_sentence(
    make: Callable[[], bytes], tmp_path: Path
) -> None:
    (tmp_path / import_2017.HISTORY).write_bytes(make())
    with pytest.raises(UserError, match=r"result_dict\.p was refused"):
        import_2017._history(tmp_path, 0)


@pytest.mark.slow
def test_a_state_that_asks_for_memory_gives_way(tmp_path: Path) -> None:
    newest, older = tmp_path / "state.pt", tmp_path / "state.previous.pt"
    state_file.save(older, newest, {"step": 1})
    for blob in (huge_bytearray(), compressed_zeros()):
        newest.write_bytes(blob)
        state, warnings = state_file.load(newest, older)
        assert state["step"] == 1
        assert [str(warning) for warning in warnings] == [f"{newest} is damaged and was skipped."]


def test_a_linked_state_is_not_followed(tmp_path: Path) -> None:
    newest, older = tmp_path / "state.pt", tmp_path / "state.previous.pt"
    state_file.save(tmp_path / "elsewhere.pt", older, {"step": 1})
    newest.symlink_to(tmp_path / "elsewhere.pt")
    with pytest.raises(UserError, match="is damaged"):
        state_file.load(newest, older)


def test_a_zip_is_as_torch_writes_it(tmp_path: Path) -> None:
    """Else the limit on what a zip unpacks to would refuse real files."""
    path = saved(helpers.random_generator().state_dict(), tmp_path / "netG.pth")
    with zipfile.ZipFile(path) as archive:
        assert {part.compress_type for part in archive.infolist()} == {zipfile.ZIP_STORED}
    assert checkpoint.load_generator(path)[0].nz == 8
