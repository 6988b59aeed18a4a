"""Photos a second of `crop`, beside autocrop's own command and its library, on the same photos.

    python benchmarks/cropping.py PHOTOS [--photos 500] [--command-photos 20] [--memory 1000,9000]

PHOTOS is a folder or zip. Ours finds, aligns, judges and saves with one process, as the command
line does with each core; CPU time of the process is given beside the clock's, for other work may
share the machine. autocrop's command takes one photo a call, so it starts Python each time; its
library, in a loop, is what it could do at best. With --memory the real command crops so many
photos with all cores, and the peak of its own and of its workers' memory is told.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from neuroceleb.data.faces import crop  # noqa: E402
from neuroceleb.data.faces.measure import Rules  # noqa: E402
from neuroceleb.data.faces.yunet import YuNet  # noqa: E402


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Time cropping.")
    parser.add_argument("photos_from", type=Path, metavar="PHOTOS")
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--command-photos", type=int, default=20)
    parser.add_argument("--memory", default="", metavar="COUNTS")
    options = parser.parse_args()
    for count in options.memory.split(",") if options.memory else []:
        memory(options.photos_from, int(count))
    if options.memory:
        return
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as place:
        paths = photos(options.photos_from, options.photos, Path(place) / "photos")
        print(f"n = {len(paths)} photos, one core of {os.cpu_count()}")
        timed("neuroceleb crop", len(paths), lambda: ours(paths, Path(place)))
        timed("autocrop library", len(paths), lambda: library(paths, Path(place)))
        some = paths[: options.command_photos]
        timed("autocrop command", len(some), lambda: command(some, Path(place)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


def photos(source: Path, count: int, place: Path) -> list[Path]:
    """The first photos of a folder; of a zip, unpacked beside."""
    if source.is_dir():
        return sorted(path for path in source.rglob("*") if path.is_file())[:count]
    place.mkdir()
    with zipfile.ZipFile(source) as archive:
        names = sorted(info.filename for info in archive.infolist() if not info.is_dir())[:count]
        for number, name in enumerate(names):
            (place / f"{number:05d}{Path(name).suffix}").write_bytes(archive.read(name))
    return sorted(place.iterdir())


def timed(name: str, count: int, work: Callable[[], None]) -> None:
    """Do it once, and print photos a second by the clock and milliseconds of CPU a photo."""
    clock, cpu = time.perf_counter(), cpu_seconds()
    work()
    clock, cpu = time.perf_counter() - clock, cpu_seconds() - cpu
    rate, each = count / clock, 1000 * cpu / count
    print(f"{name:<18} {rate:8.1f} photos/s   {each:8.1f} ms of CPU a photo   n = {count}")


def memory(source: Path, count: int) -> None:
    """Crop so many photos by the command line; print the peaks of its processes' memory."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "photos"
        if source.is_dir():
            folder.symlink_to(source.resolve())
        else:
            photos(source, count, folder)
        arguments = ["crop", str(folder), "--out", "set", "--workspace", place]
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "neuroceleb", *arguments],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        own, workers = 0, 0
        while process.poll() is None:
            own = max(own, resident_mb(process.pid))
            workers = max([workers, *map(resident_mb, children(process.pid))])
            time.sleep(0.1)
        rate = count / (time.perf_counter() - began)
    print(f"n = {count}: main {own} MB, largest worker {workers} MB, {rate:.1f} photos/s in all")


def resident_mb(pid: int) -> int:
    """Resident memory of a process; 0 where it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * resource.getpagesize() // 2**20


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def cpu_seconds() -> float:
    """CPU time of this process and of those it waited for."""
    uses = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(use.ru_utime + use.ru_stime for use in map(resource.getrusage, uses))


def ours(paths: list[Path], place: Path) -> None:
    """What a worker process does, in this one."""
    order = crop.Order(place / "set", 64, Rules(), False, frozenset(), frozenset())
    detector = YuNet()
    for photo in crop.collect(paths):
        crop.cut([photo], detector, order)


def library(paths: list[Path], place: Path) -> None:
    """autocrop's Cropper in a loop, its crops saved as PNG."""
    from autocrop import Cropper
    from PIL import Image

    cropper = Cropper(width=64, height=64)
    for number, path in enumerate(paths):
        image = cropper.crop(str(path)).image
        if image is not None:
            Image.fromarray(image).save(place / f"auto-{number}.png")


def command(paths: list[Path], place: Path) -> None:
    """autocrop's command, once a photo, as its manual says."""
    for number, path in enumerate(paths):
        tool = Path(sys.executable).with_name("autocrop")
        target = place / f"command-{number}.png"
        arguments = [str(tool), str(path), "-o", str(target), "-w", "64", "-H", "64"]
        subprocess.run(arguments, check=False, capture_output=True, timeout=60)
        if not target.exists():
            print(f"autocrop made nothing of {path.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
