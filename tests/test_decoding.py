"""Memory of pictures: bounded before they are decoded."""

import io
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuroceleb import decoding
from neuroceleb.decoding import Limits, MemoryBudget, UnreadableImageError
from tests import bombs, helpers

MAX_MB = 1_000

# Prints the peak memory in kB of reading a file as an owner's or as a visitor's.
READ = """
import json, sys
from neuroceleb import decoding
limits = getattr(decoding, sys.argv[2])
outcome = "read"
try:
    decoding.read_pixels(open(sys.argv[1], "rb").read(), None, limits)
except decoding.UnreadableImageError as error:
    outcome = str(error)
lines = open("/proc/self/status").read().splitlines()
print(json.dumps([next(int(line.split()[1]) for line in lines if "VmHWM" in line), outcome]))
"""


def read_in_a_process(path: Path, limits: str) -> tuple[float, str]:
    """The peak memory in MB, and "read" or why it was refused."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path), limits],
        env=helpers.environment(),
        capture_output=True,
        check=True,
    )
    kilobytes, outcome = json.loads(done.stdout)
    return kilobytes / 1_000, outcome


@pytest.mark.slow
@pytest.mark.parametrize("name", bombs.PICTURES)
def test_no_picture_takes_over_a_gigabyte(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(bombs.PICTURES[name]())
    assert read_in_a_process(path, "OWNER")[0] < MAX_MB
    assert read_in_a_process(path, "VISITOR")[0] < MAX_MB / 2


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: helpers.png_that_claims(15_000, 13_000), "over 640 MB of memory"),
        (lambda: bombs.tiff(14_000, 14_000, 32, 3, whole=False), "over 640 MB of memory"),
        (lambda: bombs.tiff(64, 64, 32, 3, tile_px=15_000, whole=False), "over 640 MB of memory"),
        (lambda: bombs.webp(15_000, 13_000), "over 640 MB of memory"),
        (lambda: bombs.webp(16_000, 13_000), "200 megapixels"),
    ],
    ids=["png", "tiff", "tile", "webp", "pixels"],
)
def test_what_would_take_too_much_memory_is_refused_undecoded(
    make: bombs.Maker, reason: str
) -> None:
    picture = make()
    began = time.process_time()
    with pytest.raises(UnreadableImageError, match=reason):
        decoding.read_photo(picture)
    assert time.process_time() - began < 0.5


def test_visitors_have_lower_limits() -> None:
    picture = bombs.webp(5_000, 4_000)
    with pytest.raises(UnreadableImageError, match="over 256 MB of memory"):
        decoding.read_photo(picture, limits=decoding.VISITOR)
    with pytest.raises(UnreadableImageError, match="it is over 32 MB"):
        decoding.read_photo(bytes(33 * 2**20), limits=decoding.VISITOR)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


SMALL = Limits(2**20, 10_000_000, 2**24, 3_000)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "I;16", "F", "CMYK"])
def test_a_large_picture_is_reduced_by_averaging(mode: str) -> None:
    whole = helpers.photo(3, (200, 120))
    if mode == "I;16":
        grey = np.asarray(whole.convert("L")).astype(np.uint16) * 257
        image = Image.fromarray(grey)
    elif mode == "F":
        image = Image.fromarray(np.asarray(whole.convert("L")).astype(np.float32) / 255)
    else:
        image = whole.convert(mode)
    kind = "TIFF" if mode in ("F", "CMYK") else "PNG"
    found = decoding.read_pixels(encoded(image, kind), limits=SMALL)
    grey_or_colour = image if mode in ("L", "RGB", "RGBA", "P", "CMYK") else whole.convert("L")
    expected = np.asarray(grey_or_colour.convert("RGB").reduce(4)).astype(int)
    assert found.shape == (30, 50, 3)
    assert np.abs(found.astype(int) - expected).mean() < 2


def test_a_large_jpeg_is_reduced_while_it_is_decoded() -> None:
    photo = decoding.read_photo(encoded(helpers.photo(1, (1600, 1200)), "JPEG"), limits=SMALL)
    assert photo.size == (50, 38)
    limits = Limits(2**20, 10_000_000, 2 * 4 * 800 * 600 + 2**19, 10_000_000)
    photo = decoding.read_photo(encoded(helpers.photo(1, (1600, 1200)), "JPEG"), limits=limits)
    assert photo.size == (800, 600)


def test_the_coefficients_of_a_progressive_jpeg_count() -> None:
    limits = Limits(2**20, 10_000_000, 2 * 4 * 800 * 600 + 2**19, 10_000_000)
    whole = helpers.photo(1, (1600, 1200))
    progressive = encoded(whole, "JPEG", progressive=True, subsampling=0)
    with pytest.raises(UnreadableImageError, match="of memory"):
        decoding.read_photo(progressive, limits=limits)


def test_pixels_are_those_of_the_photo() -> None:
    picture = encoded(helpers.photo(2, (1_500, 1_100)))
    found = decoding.read_pixels(picture)
    np.testing.assert_array_equal(found, np.asarray(decoding.read_photo(picture)))
    np.testing.assert_array_equal(found, np.asarray(helpers.photo(2, (1_500, 1_100))))


def test_a_budget_lets_in_what_fits_and_in_order() -> None:
    budget = MemoryBudget(100)
    order: list[str] = []
    first_in, leave = threading.Event(), threading.Event()

    def take(name: str, count: int) -> None:
        with budget.reserved(count):
            order.append(name)
            if name == "first":
                first_in.set()
                leave.wait(10)

    threads = [threading.Thread(target=take, args=("first", 60))]
    threads[0].start()
    first_in.wait(10)
    for name, count in (("large", 1_000), ("small", 10)):
        threads.append(threading.Thread(target=take, args=(name, count)))
        threads[-1].start()
        time.sleep(0.05)
    assert order == ["first"]  # the small one would fit, but it is not its turn
    leave.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "large", "small"]
