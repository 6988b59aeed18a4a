"""What is left of a removed person, in each of the ways in which faces were left in version 0.1.

    python benchmarks/removed_person.py
    python benchmarks/removed_person.py --only "(d)"

Each situation is made on the spot from the real code, with processes that are killed where its
title says so. Then the person is removed, and the workspace is searched for her: for the bytes of
her photos and their names, and for her crops, by their pixels, in images, sheets, arrays and zips.
She is NASA's astronaut; the others are faces of scikit-image's LFW subset.
The exit code is 1 where anything is left of her.
"""

import argparse
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from PIL import Image, ImageEnhance
from skimage import data

from neuroceleb import images
from neuroceleb.data import dataset
from neuroceleb.data.faces import align, edit, identity, persons
from neuroceleb.data.faces.clustering import adjusted_distances
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.removal import Selection
from neuroceleb.data.faces.rules import Rules
from neuroceleb.data.faces.yunet import YuNet
from neuroceleb.runs import removal, trash
from neuroceleb.runs.workspace import Workspace
from tests import helpers
from tests.data.faces.faces_helpers import portrait

NAME = "Annabel"
PHOTOS, OTHERS = 10, 10
SAME_PIXELS = 0.02  # normalized squared difference to a crop of hers, after WebP
ALIKE = 0.45  # adjusted distance; hers are within 0.3, the others beyond 0.65
PATIENCE_S = 300.0
TINY = ("--ngf", "4", "--ndf", "4", "--nz", "8", "--batch-size", "4", "--device", "cpu")


# Photos and the search for her -------------------------------------------------------------


def her_photo(number: int) -> Image.Image:
    photo = portrait(240 + 10 * number)
    if number % 2:
        photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return ImageEnhance.Brightness(photo).enhance(0.8 + 0.04 * number)


def other_photo(number: int) -> Image.Image:
    face = Image.fromarray((data.lfw_subset()[number] * 255).astype(np.uint8))
    photo = Image.new("RGB", (450, 450), (120, 120, 120))
    photo.paste(face.resize((250, 250), Image.Resampling.BICUBIC), (100, 100))
    return photo


def write_photos(folder: Path, grouped: bool = False) -> Path:
    """Photos of her and of the others in turn, in folders where `grouped`."""
    for number in range(max(PHOTOS, OTHERS)):
        for name, make in ((NAME, her_photo), ("other", other_photo)):
            path = folder / (name if grouped else "") / f"{number:02d}_{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            make(number).save(path)
    return folder


@dataclass
class Wanted:
    """What shows her: SHA-256 of photos, and crops (64, 64, 3) uint8 with their embeddings."""

    photos: set[str] = field(default_factory=set)
    crops: list[images.Pixels] = field(default_factory=list)

    def __post_init__(self) -> None:
        detector = YuNet(smallest_px=20)
        for number in range(PHOTOS):
            buffer = io.BytesIO()
            her_photo(number).save(buffer, "PNG")
            self.photos.add(hashlib.sha256(buffer.getvalue()).hexdigest())
            pixels = np.asarray(her_photo(number))
            face = detector.find([pixels])[0][0]
            self.crops.append(align.crop(pixels, align.landmark_transform(face.landmarks), 64))
        self.embeddings = identity.embed(np.stack(self.crops))
        self.hashes = {hashlib.sha256(crop.tobytes()).hexdigest() for crop in self.crops}

    def shown_in(self, path: Path) -> int:
        """How many files, crops or lines of a file show or name her."""
        content = path.read_bytes()
        if path.suffix in {".png", ".webp", ".jpg"}:
            found = self._in_image(content)
        elif path.suffix == ".npy":
            found = self._in_array(path)
        elif path.suffix == ".npz":
            found = self._in_embeddings(path)
        elif path.suffix == ".zip":
            found = self._in_zip(content)
        else:
            found = sum(NAME.encode() in line for line in content.splitlines())
        return max(found, int(NAME in path.name))

    def _in_image(self, content: bytes) -> int:
        if hashlib.sha256(content).hexdigest() in self.photos:
            return 1
        try:
            pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        except OSError:
            return int(len(content) > 0)  # cannot be told
        if pixels.shape[0] == pixels.shape[1] <= 256 and len(content) < 2**17:
            square = images.shrink_to_square(Image.fromarray(pixels), 64)
            return int(adjusted_distances(identity.embed(square[None]), self.embeddings).min()
                       < ALIKE)  # fmt: skip
        if min(pixels.shape[:2]) < 64:
            return 0
        scores = (cv2.matchTemplate(pixels, crop, cv2.TM_SQDIFF_NORMED) for crop in self.crops)
        return sum(float(score.min()) < SAME_PIXELS for score in scores)

    def _in_array(self, path: Path) -> int:
        rows = np.load(path)
        return sum(hashlib.sha256(row.tobytes()).hexdigest() in self.hashes for row in rows)

    def _in_embeddings(self, path: Path) -> int:
        with np.load(path) as arrays:
            for name in arrays.files:
                if arrays[name].ndim == 2 and arrays[name].shape[1] == identity.LENGTH:
                    near = adjusted_distances(arrays[name].astype(np.float32), self.embeddings)
                    return int((near.min(1) < ALIKE).sum())
        return 0

    def _in_zip(self, content: bytes) -> int:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return sum(
                hashlib.sha256(archive.read(name)).hexdigest() in self.photos
                for name in archive.namelist()
            )


def search(wanted: Wanted, root: Path) -> dict[str, int]:
    """What is left of her below a folder, by path."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    found = {path.relative_to(root).as_posix(): wanted.shown_in(path) for path in files}
    return {name: count for name, count in found.items() if count}


# What the situations are made of -----------------------------------------------------------


def command(workspace: Path, *words: str, **options: Any) -> subprocess.Popen[bytes]:
    """The command line in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "neuroceleb", *words, "--workspace", str(workspace)],
        env={**helpers.environment(), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **options,
    )


def run(workspace: Path, *words: str) -> None:
    with command(workspace, *words) as process:
        if process.wait(PATIENCE_S) != 0:
            raise RuntimeError(f"{words[0]} ended with exit code {process.returncode}")


def python(code: str, *arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
    """Python code in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**helpers.environment(), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **options,
    )


def kill_when(process: subprocess.Popen[bytes], is_time: Callable[[], bool], number: int) -> None:
    """Send a signal to a process group as soon as it is time; raises where that does not come."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_time():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the process ended before it could be killed")
        time.sleep(0.002)
    os.killpg(process.pid, number)
    process.wait(PATIENCE_S)


def unknown_crops(face_set: FaceSet) -> int:
    """The crops that the manifest does not know."""
    known = {row.crop for row in face_set.iter_rows()}
    crops = (path.relative_to(face_set.path).as_posix() for path in face_set.path.glob("*/*/*.png"))
    return sum(crop not in known for crop in crops)


def crop(workspace: Workspace, grouped: bool = False) -> FaceSet:
    photos = write_photos(workspace.root.parent / "photos", grouped)
    run(workspace.root, "crop", str(photos), "--out", "mine", "--keep-all")
    return FaceSet(workspace.datasets / "mine")


def name_her(wanted: Wanted, face_set: FaceSet) -> None:
    """Sort the faces, and give the person who is most like her the name."""
    persons.sort(face_set)
    with face_set.lock():
        counts: dict[str, int] = {}
        for row in face_set.iter_rows():
            if row.crop and wanted.shown_in(face_set.crop_file(row)):
                counts[row.group] = counts.get(row.group, 0) + 1
    names = sorted(counts, key=lambda name: -counts[name])
    if len(names) > 1:
        persons.merge(face_set, names)
    persons.rename(face_set, names[0], NAME)


def remove(workspace: Workspace, face_set: FaceSet) -> removal.Removal:
    return removal.remove(workspace, face_set, Selection(person=NAME))


# The situations ----------------------------------------------------------------------------

Outcome = tuple[dict[str, int], removal.Removal | None]


def killed_at_the_first_crop(workspace: Workspace, _: Wanted) -> FaceSet:
    """Killed before the manifest knows any of her crops."""
    photos = write_photos(workspace.root.parent / "photos", grouped=True)
    face_set = FaceSet(workspace.datasets / "mine")
    process = command(workspace.root, "crop", str(photos), "--out", "mine", "--keep-all")
    kill_when(process, lambda: unknown_crops(face_set) > 0, signal.SIGKILL)
    return face_set


def killed_midway(workspace: Workspace, wanted: Wanted) -> FaceSet:
    photos = write_photos(workspace.root.parent / "photos")
    face_set = FaceSet(workspace.datasets / "mine")
    process = command(workspace.root, "crop", str(photos), "--out", "mine", "--keep-all")

    def is_time() -> bool:
        return len(face_set.rows()) >= 4 and unknown_crops(face_set) > 0

    kill_when(process, is_time, signal.SIGKILL)
    name_her(wanted, face_set)
    return face_set


def hung_up(workspace: Workspace, wanted: Wanted) -> FaceSet:
    photos = write_photos(workspace.root.parent / "photos")
    face_set = FaceSet(workspace.datasets / "mine")
    process = command(workspace.root, "crop", str(photos), "--out", "mine", "--keep-all")
    kill_when(process, lambda: len(face_set.rows()) >= 4, signal.SIGHUP)
    name_her(wanted, face_set)
    return face_set


def damaged_lines(workspace: Workspace, wanted: Wanted) -> FaceSet:
    """Lines of hers are cut, of wrong types, with NaN, nested deeply, or of another folder."""
    face_set = crop(workspace)
    name_her(wanted, face_set)
    damages: list[Callable[[bytes], bytes]] = [
        lambda line: line[:-40] + b"\n",
        lambda line: line.replace(b'"measures": {', b'"measures": 5, "x": {'),
        lambda line: line.replace(b'"score": ', b'"score": NaN, "was": '),
        lambda line: line.replace(b'"turned": 0', b'"turned": ' + b"[" * 500 + b"]" * 500),
        lambda line: line.replace(b'"group": "', b'"group": 7, "was": "'),
    ]
    lines, number = [], 0
    for line in face_set.manifest.read_bytes().splitlines(keepends=True):
        is_damaged = NAME.encode() in line and number < len(damages)
        lines.append(damages[number](line) if is_damaged else line)
        number += is_damaged
    face_set.manifest.write_bytes(b"".join(lines))
    edit.save(face_set, Rules.off())
    return face_set


def renamed(workspace: Workspace, wanted: Wanted) -> FaceSet:
    face_set = crop(workspace)
    name_her(wanted, face_set)
    dataset.load(face_set.faces, workspace.datasets)
    return edit.rename(face_set, "other")


RENAME_KILLED = """
import os, signal, sys
from pathlib import Path
from neuroceleb.data import dataset
from neuroceleb.data.faces import edit
from neuroceleb.data.faces.manifest import FaceSet
dataset.sweep_cache = lambda _: os.kill(os.getpid(), signal.SIGKILL)
edit.rename(FaceSet(Path(sys.argv[1])), "other")
"""


def renamed_and_killed(workspace: Workspace, wanted: Wanted) -> FaceSet:
    """Killed between the new name and the end of the old cache; the old name is in use again."""
    face_set = crop(workspace)
    name_her(wanted, face_set)
    dataset.load(face_set.faces, workspace.datasets)
    python(RENAME_KILLED, face_set.path).wait(PATIENCE_S)
    face_set.faces.mkdir(parents=True)
    return FaceSet(workspace.datasets / "other")


DECODING_KILLED = """
import os, signal, sys
from pathlib import Path
from neuroceleb import files
from neuroceleb.data import dataset
number = int(sys.argv[3])
replacing = files.replacing
def killed(path):
    global number
    number -= 1
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replacing(path)
files.replacing = killed
dataset.load(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def decoding_killed(workspace: Workspace, wanted: Wanted) -> FaceSet:
    """Killed between the two files of the cache, and beside a damaged record of another."""
    face_set = crop(workspace)
    name_her(wanted, face_set)
    dataset.load(face_set.faces, workspace.datasets)
    (record,) = (workspace.datasets / ".cache").glob("*.json")
    record.write_bytes(record.read_bytes()[:-20])
    edit.overrule(face_set, next(row.id for row in face_set.iter_rows() if row.crop), "reject")
    python(DECODING_KILLED, face_set.faces, workspace.datasets, "1").wait(PATIENCE_S)
    return face_set


def copied(workspace: Workspace, wanted: Wanted) -> FaceSet:
    """The workspace was copied elsewhere with its cache, and the first one is still there."""
    first = Workspace(workspace.root.parent / "first")
    first.datasets.mkdir(parents=True)
    face_set = crop(first)
    name_her(wanted, face_set)
    dataset.load(face_set.faces, first.datasets)
    shutil.rmtree(workspace.root)
    subprocess.run(["cp", "-r", first.root, workspace.root], check=True)
    return FaceSet(workspace.datasets / "mine")


SERVER = """
import sys, time
from pathlib import Path
from neuroceleb.app.cropping import CropRequest, Cropper
from neuroceleb.runs.workspace import Workspace
cropper = Cropper(Workspace(Path(sys.argv[1])))
cropper.start(cropper.uploads.batch(sys.argv[2]), CropRequest("mine"))
while True:
    time.sleep(1)
"""


UPLOAD = """
import sys
from pathlib import Path
from neuroceleb.app.uploads import Uploads
from neuroceleb.runs.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
batch = Uploads(workspace.uploads, workspace.received).new()
for path in map(Path, sys.argv[2:]):
    batch.take(path.name, path)
print(batch.id)
"""
RESUME = """
import sys, time
from pathlib import Path
from neuroceleb.app.cropping import Cropper
from neuroceleb.runs.workspace import Workspace
cropper = Cropper(Workspace(Path(sys.argv[1])))
for batch in cropper.uploads.all():
    if batch.request() is not None:
        cropper.resume(batch)
        while cropper.statuses()[0].state == "running":
            time.sleep(0.05)
cropper.close()
"""


def upload(workspace: Workspace, zipped: bool = False) -> str:
    """A batch of all photos, sent one by one or in a zip; its name."""
    sent = write_photos(workspace.root.parent / "sent")
    paths = sorted(sent.iterdir())
    if zipped:
        archive_path = workspace.root.parent / "photos.zip"
        with zipfile.ZipFile(archive_path, "w") as archive:
            for photo in paths:
                archive.write(photo, photo.name)
        paths = [archive_path]
    with python(UPLOAD, workspace.root, *paths, stdout=subprocess.PIPE) as process:
        return process.communicate(timeout=PATIENCE_S)[0].decode().strip()


def resume(workspace: Workspace) -> None:
    """Start a server, and resume every interrupted batch as the page does."""
    with python(RESUME, workspace.root) as process:
        if process.wait(PATIENCE_S) != 0:
            raise RuntimeError("resuming failed")


def stop_a_batch(workspace: Workspace, wanted: Wanted, number: int, zipped: bool) -> FaceSet:
    batch = upload(workspace, zipped)
    face_set = FaceSet(workspace.datasets / "mine")
    server = python(SERVER, workspace.root, batch)

    def is_time() -> bool:
        return len(face_set.rows()) >= 4

    kill_when(server, is_time, number)
    name_her(wanted, face_set)
    return face_set


def batch_killed(workspace: Workspace, wanted: Wanted) -> FaceSet:
    return stop_a_batch(workspace, wanted, signal.SIGKILL, zipped=False)


def zip_killed(workspace: Workspace, wanted: Wanted) -> FaceSet:
    return stop_a_batch(workspace, wanted, signal.SIGKILL, zipped=True)


def trained(workspace: Workspace, wanted: Wanted) -> FaceSet:
    """Three runs: one in the trash, one trained before the dataset was renamed, one after."""
    face_set = crop(workspace)
    name_her(wanted, face_set)
    for name in ("binned", "before"):
        run(workspace.root, "train", "mine", "--run", name, "--epochs", "1", *TINY)
    trash.put(workspace, workspace.checkpoints / "binned")
    face_set = edit.rename(face_set, "other")
    run(workspace.root, "train", "other", "--run", "after", "--epochs", "1", *TINY)
    return face_set


GRADIO_CACHE = Path(".cache") / "gradio"


def upload_unfinished(workspace: Workspace, wanted: Wanted) -> FaceSet:
    """Photos that were sent and never cropped; the server was killed, and starts at once again."""
    upload(workspace)
    stray = workspace.root / GRADIO_CACHE / "0123" / f"{NAME}.png"
    stray.parent.mkdir(parents=True)
    her_photo(0).save(stray)
    face_set = crop(workspace)
    name_her(wanted, face_set)
    resume(workspace)
    return face_set


def upload_left(workspace: Workspace, wanted: Wanted) -> FaceSet:
    """The same, when the server starts an hour later, and nobody is removed."""
    face_set = upload_unfinished(workspace, wanted)
    past = time.time() - 3_600
    cache = workspace.root / ".cache"
    for path in [cache, *cache.rglob("*")]:
        os.utime(path, (past, past))
    resume(workspace)
    return face_set


@dataclass(frozen=True)
class Situation:
    """A way in which faces were left, and what happens after the removal."""

    title: str
    make: Callable[[Workspace, Wanted], FaceSet]
    afterwards: Callable[[Workspace], None] = lambda _: None
    below: str = "."  # where to search, in the workspace


SITUATIONS = (
    Situation("(a) a crop killed at its first crop", killed_at_the_first_crop),
    Situation("(a) a crop killed midway", killed_midway),
    Situation("(a) a crop hung up", hung_up),
    Situation("(b) damaged lines of the manifest", damaged_lines),
    Situation("(c) a renamed dataset", renamed),
    Situation("(c) a renaming killed, the name in use", renamed_and_killed),
    Situation("(c) a decoding killed, a record damaged", decoding_killed),
    Situation("(c) a copied workspace", copied),
    Situation("(d) a batch killed, then resumed", batch_killed, resume),
    Situation("(d) a zip killed, then resumed", zip_killed, resume),
    Situation("(e) sheets of runs", trained),
    Situation("(f) an unfinished upload, removed", upload_unfinished),
    Situation("(f) an unfinished upload, an hour later", upload_left, below=".cache"),
)


def measure(situation: Situation, wanted: Wanted) -> dict[str, Any]:
    """What showed her before and after the removal, and how many crops of the others are left."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "workspace")
        workspace.datasets.mkdir(parents=True)
        face_set = situation.make(workspace, wanted)
        before = search(wanted, workspace.root)
        done: removal.Removal | None = None
        if situation.below == ".":
            done = remove(workspace, face_set)
            situation.afterwards(workspace)
        left = search(wanted, workspace.root / situation.below)
        others = sum(
            path.is_file() and not wanted.shown_in(path) for path in face_set.path.rglob("*.png")
        )
        return {
            "situation": situation.title,
            "before": sum(before.values()),
            "left": left,
            "others": others,
            "trained": [] if done is None else list(done.trained),
        }


def measure_all(only: str = "") -> list[dict[str, Any]]:
    """The figures of all situations, each printed when it is known."""
    wanted = Wanted()
    rows = []
    for situation in SITUATIONS:
        if only in situation.title:
            began = time.monotonic()
            rows.append(measure(situation, wanted))
            row = rows[-1]
            print(f"{row['situation']:<42}before {row['before']:>3}  left"
                  f" {sum(row['left'].values()):>3}  crops of others {row['others']:>3}"
                  f"{time.monotonic() - began:>6.0f} s", flush=True)  # fmt: skip
            for name, count in row["left"].items():
                print(f"    {count} in {name}")
    return rows


def are_clean(rows: list[dict[str, Any]]) -> bool:
    """Whether nothing is left of her in any situation, and she was there before."""
    return all(row["before"] and not row["left"] for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="Situations whose title has this in it.")
    parser.add_argument("--json", type=Path, help="Write the figures to this file.")
    options = parser.parse_args()
    rows = measure_all(options.only)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if are_clean(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
