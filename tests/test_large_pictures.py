"""Large pictures are decoded one at a time, in all processes of a user."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from neuroceleb import decoding, large_pictures
from neuroceleb.file_lock import EXCLUSIVE, open_to_lock, try_lock
from tests import bombs, helpers

HOLD = """
import sys
from neuroceleb import large_pictures
with large_pictures.turn():
    print("decoding", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def is_free() -> bool:
    descriptor = open_to_lock(large_pictures.lock_file())
    try:
        return try_lock(descriptor, EXCLUSIVE, large_pictures.lock_file())
    finally:
        os.close(descriptor)


def test_another_process_waits_for_its_turn() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env=helpers.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"decoding\n"
        entered = threading.Event()

        def decode() -> None:
            with large_pictures.turn():
                entered.set()

        thread = threading.Thread(target=decode)
        thread.start()
        assert not entered.wait(0.3)
        process.kill()  # its turn ends with it
        assert entered.wait(10)
        thread.join(10)


def test_only_large_pictures_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_pictures, "MAX_WAIT_S", 0.2)
    small, large = bombs.png(900, 600, 8, 2), bombs.png(7_500, 6_000, 8, 2)
    with large_pictures.turn():
        began = time.monotonic()
        assert decoding.read_photo(small).size == (900, 600)
        assert time.monotonic() - began < 0.2
        assert decoding.read_photo(large).size == (7_500, 6_000)  # after MAX_WAIT_S
        assert time.monotonic() - began > 0.2
    with decoding.opened_photo(small):
        assert is_free()
    with decoding.opened_photo(large):
        assert not is_free()
    assert is_free()


def test_a_folder_that_others_can_write_to_is_not_used() -> None:
    folder = large_pictures.lock_file().parent
    folder.mkdir()
    folder.chmod(0o777)
    with large_pictures.turn():
        assert not large_pictures.lock_file().exists()
    folder.chmod(0o700)
    with large_pictures.turn():
        assert not is_free()


@pytest.mark.slow
def test_a_dataset_of_large_pictures_stays_below_a_gigabyte(tmp_path: Path) -> None:
    """What Pillow frees goes back to the system: two pictures in turn took 1.2 GB."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, name in enumerate(("16-bit grey PNG, 195 MP", "WebP, 35 MP")):
        for copy in range(2 - number):
            (photos / f"{number}{copy}.png").write_bytes(bombs.PICTURES[name]())
    code = (
        "import sys; from pathlib import Path; from neuroceleb.data import dataset\n"
        "dataset.load(Path(sys.argv[1]), Path(sys.argv[1]).parent / 'datasets')\n"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, photos],
        env=helpers.environment(),
        capture_output=True,
        check=True,
    )
    assert int(done.stdout) * 1024 < 10**9
