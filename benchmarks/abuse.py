"""The largest memory of hostile files, answers in a flood, and what is left of a removed person.

    python benchmarks/abuse.py
    python benchmarks/abuse.py --only PNG --json figures.json
    python benchmarks/abuse.py --only "(d)"

Every file is made on the spot and read in a fresh process, whose peak of resident memory is printed
with that of the reader process it may start (`neuroceleb.limited`), and what became of the file.
Two large pictures are read at once: by two threads, by two processes, and by a crop with two
workers; then *at once* is the peak of the memory of all these processes together. The situations
of a removed person are those of `removed_person.py`; connections, `/healthz` and one face beside
heavy requests are those of `flood.py`.
The exit code is 1 where a process takes over 1 GB (10**9 bytes), or anything is left of the person.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import flood
import removed_person

from tests import bombs, helpers

LIMIT_MB = 1_000

# How each kind of file is read: the body of a function of `path`.
READERS = {
    "owner": "from neuroceleb import decoding; decoding.read_pixels(path.read_bytes())",
    "visitor": (
        "from neuroceleb import decoding\n"
        "    decoding.read_pixels(path.read_bytes(), None, decoding.VISITOR)"
    ),
    "dataset": (
        "from neuroceleb.data import dataset\n"
        "    print(dataset.load(path, path.parent / 'datasets').pixels.shape, file=sys.stderr)"
    ),
    "crop": (
        "from neuroceleb.data.faces.crop_photos import Options, crop_photos\n"
        "    from neuroceleb.data.faces.manifest import FaceSet\n"
        "    from neuroceleb.data.faces.rules import Rules\n"
        "    options = Options(64, 'landmarks', 'yunet', 20, Rules())\n"
        "    crop_photos([path], FaceSet(path.parent / 'cropped'), options, workers=1)"
    ),
    "crop of 2": (
        "from neuroceleb.data.faces.crop_photos import Options, crop_photos\n"
        "    from neuroceleb.data.faces.manifest import FaceSet\n"
        "    from neuroceleb.data.faces import crop_photos as module\n"
        "    module.YUNET_BATCH = 1\n"
        "    from neuroceleb.data.faces.rules import Rules\n"
        "    options = Options(64, 'landmarks', 'yunet', 20, Rules())\n"
        "    crop_photos([path], FaceSet(path.parent / 'cropped'), options, workers=2)"
    ),
    "threads": (
        "import threading\n"
        "    from neuroceleb import decoding\n"
        "    work = [threading.Thread(target=decoding.read_pixels, args=(file.read_bytes(),))\n"
        "            for file in sorted(path.iterdir())]\n"
        "    [one.start() for one in work]; [one.join() for one in work]"
    ),
    "weights": "from neuroceleb.model import checkpoint; checkpoint.load_generator(path)",
    "state": "from neuroceleb.training import state_file; state_file.load(path, path)",
    "history": "from neuroceleb.runs import import_2017; import_2017._history(path.parent, 0)",
    "stats": "from neuroceleb.runs.run import Run; Run(path.parent).stats()",
}
CHILD = """
import json, resource, sys, time
from pathlib import Path
from neuroceleb import limited
from neuroceleb.errors import UserError

def read(path):
    {body}

began, outcome = time.perf_counter(), "read"
try:
    read(Path(sys.argv[1]))
except UserError as error:
    outcome = str(error).replace(sys.argv[1], "the file")
seconds = time.perf_counter() - began
limited._child.close()
# Not ru_maxrss of this process, which counts what its parent had when it started it.
lines = Path("/proc/self/status").read_text().splitlines()
own = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([max(own, children) * 1024 / 1e6, seconds, outcome]))
"""


def huge_bytearray() -> bytes:
    """A zip of torch.save whose pickle asks for 10**11 zero bytes."""
    code = b"\x80\x02c__builtin__\nbytearray\n\x8a\x05\x00\xe8\x76\x48\x17\x85R."
    return bombs.torch_zip(code, {})


def long_line() -> bytes:
    return b'{"epoch": 0, "x": "' + b"x" * (300 * 2**20) + b'"}\n'


def cases() -> list[tuple[str, str, str, Callable[[], bytes]]]:
    """What to read: title, reader, name of the file, and how it is made."""
    found = [
        (name, reader, "bomb.bin", make)
        for name, make in bombs.PICTURES.items()
        for reader in ("owner", "visitor")
    ]
    return [
        *found,
        ("pickle that asks for 100 GB", "weights", "netG.pth", huge_bytearray),
        ("zip of 4 GB in 4 MB", "weights", "netG.pth", lambda: bombs.torch_zip(b"", {"0": 2**32})),
        ("zip of 4 GB in 4 MB", "state", "state.pt", lambda: bombs.torch_zip(b"", {"0": 2**32})),
        ("pickle that asks for 100 GB", "state", "state.pt", huge_bytearray),
        ("memo of 10**9 entries", "history", "result_dict.p", bombs.memo_pickle),
        ("2**40 values in 300 bytes", "history", "result_dict.p", bombs.doubling_pickle),
        ("a line of 300 MB", "stats", "stats.jsonl", long_line),
    ]


def pairs() -> list[tuple[str, str]]:
    """Two large pictures at once: title and reader."""
    return [("two 16-bit PNGs and a WebP", reader) for reader in ("dataset", "crop")]


def start(reader: str, path: Path) -> subprocess.Popen[bytes]:
    """A fresh process, in a group of its own, that reads a file and prints what it took."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD.format(body=READERS[reader]), str(path)],
        env={**helpers.environment(), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def resident_mb(groups: set[int]) -> list[float]:
    """The resident memory of every process of these process groups, in MB."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            group = int((folder / "stat").read_text().rpartition(")")[2].split()[2])
            pages = int((folder / "statm").read_text().split()[1]) if group in groups else 0
        except OSError:  # it has ended
            continue
        found.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return [megabytes for megabytes in found if megabytes]


def measure_at_once(readers: list[tuple[str, Path]]) -> dict[str, Any]:
    """Peak MB of one process and of all together, sampled every 10 ms, and seconds."""
    began, largest, together = time.perf_counter(), 0.0, 0.0
    processes = [start(reader, path) for reader, path in readers]
    groups = {process.pid for process in processes}
    while any(process.poll() is None for process in processes):
        now = resident_mb(groups)
        largest, together = max([largest, *now]), max(together, sum(now))
        time.sleep(0.01)
    outcomes = {json.loads(process.communicate()[0].splitlines()[-1])[2] for process in processes}
    return {
        "peak_mb": round(largest, 1),
        "at_once_mb": round(together, 1),
        "seconds": round(time.perf_counter() - began, 2),
        "outcome": ", ".join(sorted(outcomes)),
    }


def large_pictures(folder: Path) -> Path:
    """Two large pictures in a folder."""
    photos = folder / "photos"
    photos.mkdir()
    for number in range(2):
        make_in_a_process("16-bit grey PNG, 195 MP", photos / f"{number}.png")
    return photos


def measure_pairs(only: str) -> list[dict[str, Any]]:
    """Two large pictures at once; one row for each way."""
    rows = []
    for title in ("two threads", "two processes", "crop of two workers"):
        if only in title:
            with tempfile.TemporaryDirectory() as folder:
                photos = large_pictures(Path(folder))
                if title == "two processes":
                    readers = [("owner", path) for path in sorted(photos.iterdir())]
                else:
                    readers = [("threads" if title == "two threads" else "crop of 2", photos)]
                rows.append({"case": title, "as": "at once", **measure_at_once(readers)})
            print(f"{title:<34}at once  largest {rows[-1]['peak_mb']:,.0f} MB, all together"
                  f" {rows[-1]['at_once_mb']:,.0f} MB, {rows[-1]['seconds']:.1f} s"
                  f"  {rows[-1]['outcome'][:60]}", flush=True)  # fmt: skip
    return rows


def measure(reader: str, path: Path) -> tuple[float, float, str]:
    """MB at the peak, seconds, and what became of the file, in a fresh process."""
    done = start(reader, path)
    output, _ = done.communicate()
    if done.returncode != 0:
        return float("nan"), float("nan"), f"died with exit code {done.returncode}"
    megabytes, seconds, outcome = json.loads(output.splitlines()[-1])
    return megabytes, seconds, outcome


def make_in_a_process(name: str, path: Path) -> None:
    """Make a picture in a process of its own, so that this one stays small."""
    code = (
        "import sys; from pathlib import Path; from tests import bombs\n"
        "Path(sys.argv[2]).write_bytes(bombs.PICTURES[sys.argv[1]]())"
    )
    subprocess.run([sys.executable, "-c", code, name, path], env=helpers.environment(), check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="Cases whose title has this in it.")
    parser.add_argument("--json", type=Path, help="Write the figures to this file.")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []

    def report(title: str, reader: str, path: Path, size: int) -> None:
        megabytes, seconds, outcome = measure(reader, path)
        rows.append({"case": title, "as": reader, "bytes": size, "peak_mb": round(megabytes, 1)})
        rows[-1] |= {"seconds": round(seconds, 2), "outcome": outcome}
        print(f"{title:<34}{reader:<9}{size / 1e3:>10,.1f} kB{megabytes:>7,.0f} MB"
              f"{seconds:>7.1f} s  {outcome[:90]}", flush=True)  # fmt: skip

    began = time.monotonic()
    for title, reader, name, make in cases():
        if options.only in title:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / name
                if title in bombs.PICTURES:
                    make_in_a_process(title, path)
                else:
                    path.write_bytes(make())
                report(title, reader, path, path.stat().st_size)
    for title, reader in pairs():
        if options.only in title:
            with tempfile.TemporaryDirectory() as folder:
                photos = Path(folder) / "photos"
                photos.mkdir()
                names = ("16-bit grey PNG, 195 MP", "16-bit grey PNG, 195 MP", "WebP, 35 MP")
                for number, name in enumerate(names):
                    make_in_a_process(name, photos / f"{number}.png")
                size = sum(path.stat().st_size for path in photos.iterdir())
                report(title, reader, photos, size)
    rows += measure_pairs(options.only)
    largest = max((row["peak_mb"] for row in rows), default=0.0)
    print(f"Largest: {largest:,.0f} MB (limit {LIMIT_MB:,}); {time.monotonic() - began:.0f} s.")
    left = removed_person.measure_all(options.only)
    flooded = []
    if options.only in "flood":
        found = flood.measure_all(flood.SILENT, flood.HEAVY, flood.SECONDS)
        flooded.append({"case": "flood", **found})
    if options.json is not None:
        figures = [*rows, *left, *flooded]
        options.json.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    is_bounded = largest <= LIMIT_MB and all(row["peak_mb"] == row["peak_mb"] for row in rows)
    return 0 if is_bounded and removed_person.are_clean(left) else 1


if __name__ == "__main__":
    sys.exit(main())
