"""Photos per second of `crop`, of autocrop's command and of its library, on the same photos.

    python benchmarks/cropping.py PHOTOS [--photos 500] [--command-photos 20] [--memory 1000,9000]

PHOTOS is a folder or zip. `crop` detects, aligns, judges and saves in one process, as the command
line does on each core. CPU time is printed besides wall-clock time, because other processes may
share the machine. autocrop's command takes one photo per call, so it starts Python each time; its
library, in a loop, is its upper bound. With --memory the command crops that many photos with all
cores, and the peak memory of its main process and of its workers is printed.
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

from neuroceleb.data.faces.crop import CropSpec, crop_batch, list_photos  # noqa: E402
from neuroceleb.data.faces.rules import Rules  # noqa: E402
from neuroceleb.data.faces.yunet import YuNet  # noqa: E402
from neuroceleb.settings import IMAGE_SIZE  # noqa: E402


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
    with tempfile.TemporaryDirectory() as folder:
        paths = photos(options.photos_from, options.photos, Path(folder) / "photos")
        print(f"n = {len(paths)} photos, one core of {os.cpu_count()}")
        timed("neuroceleb crop", len(paths), lambda: this_project(paths, Path(folder)))
        timed("autocrop library", len(paths), lambda: library(paths, Path(folder)))
        some = paths[: options.command_photos]
        timed("autocrop command", len(some), lambda: command(some, Path(folder)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


def photos(source: Path, count: int, target: Path) -> list[Path]:
    """The first photos of a folder, or of a zip, unpacked to `target`."""
    if source.is_dir():
        return sorted(path for path in source.rglob("*") if path.is_file())[:count]
    target.mkdir()
    with zipfile.ZipFile(source) as archive:
        names = sorted(info.filename for info in archive.infolist() if not info.is_dir())[:count]
        for number, name in enumerate(names):
            (target / f"{number:05d}{Path(name).suffix}").write_bytes(archive.read(name))
    return sorted(target.iterdir())


def timed(name: str, count: int, work: Callable[[], None]) -> None:
    """Run `work` once; print photos per second and milliseconds of CPU time per photo."""
    clock, cpu = time.perf_counter(), cpu_seconds()
    work()
    clock, cpu = time.perf_counter() - clock, cpu_seconds() - cpu
    rate, each = count / clock, 1000 * cpu / count
    print(f"{name:<18} {rate:8.1f} photos/s   {each:8.1f} ms of CPU a photo   n = {count}")


def memory(source: Path, count: int) -> None:
    """Crop `count` photos by the command line; print the peak memory of its processes."""
    with tempfile.TemporaryDirectory() as folder:
        photo_folder = Path(folder) / "photos"
        if source.is_dir():
            photo_folder.symlink_to(source.resolve())
        else:
            photos(source, count, photo_folder)
        arguments = ["crop", str(photo_folder), "--out", "set", "--workspace", folder]
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "neuroceleb", *arguments],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        main_mb, worker_mb = 0, 0
        while process.poll() is None:
            main_mb = max(main_mb, resident_mb(process.pid))
            worker_mb = max([worker_mb, *map(resident_mb, children(process.pid))])
            time.sleep(0.1)
        rate = count / (time.perf_counter() - began)
    print(
        f"n = {count}: main {main_mb} MB, largest worker {worker_mb} MB, {rate:.1f} photos/s in all"
    )


def resident_mb(pid: int) -> int:
    """Resident memory of a process; 0 where it has ended."""
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
    """CPU time of this process and of its ended child processes."""
    uses = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(use.ru_utime + use.ru_stime for use in map(resource.getrusage, uses))


def this_project(paths: list[Path], folder: Path) -> None:
    """The work of a worker process, in this process."""
    spec = CropSpec(folder / "set", IMAGE_SIZE, Rules(), False, frozenset(), frozenset())
    detector = YuNet()
    for photo in list_photos(paths):
        crop_batch([photo], detector, spec)


def library(paths: list[Path], folder: Path) -> None:
    """autocrop's Cropper in a loop, its crops saved as PNG."""
    from autocrop import Cropper
    from PIL import Image

    cropper = Cropper(width=IMAGE_SIZE, height=IMAGE_SIZE)
    for number, path in enumerate(paths):
        image = cropper.crop(str(path)).image
        if image is not None:
            Image.fromarray(image).save(folder / f"auto-{number}.png")


def command(paths: list[Path], folder: Path) -> None:
    """autocrop's command, once per photo, as its manual says."""
    size = str(IMAGE_SIZE)
    for number, path in enumerate(paths):
        tool = Path(sys.executable).with_name("autocrop")
        target = folder / f"command-{number}.png"
        arguments = [str(tool), str(path), "-o", str(target), "-w", size, "-H", size]
        subprocess.run(arguments, check=False, capture_output=True, timeout=60)
        if not target.exists():
            print(f"autocrop made no crop of {path.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
