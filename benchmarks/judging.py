"""Precision and recall of each reason to reject a face, against labels made by eye.

    python benchmarks/judging.py [--data ../shared/data/asian_faces_photos.zip] [--half test]

The labels are file names and text only (labels/photos.csv); the photos are not in the repository.
The largest face of a photo is judged by the default rules. Thresholds were set on the half `tune`.
"""

import argparse
import csv
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from neuroceleb.data.faces.crop_photos import Options, crop_photos  # noqa: E402
from neuroceleb.data.faces.manifest import FaceSet, Row  # noqa: E402

REASONS = {
    "turned": ("turned",),
    "nodding": ("nodding",),
    "eyes_covered": ("eyes_covered",),
    "eyes_closed": ("eyes_closed",),
    "blurred": ("blurred",),
    "dark_or_bright": ("dark", "bright"),
    "grey": ("grey",),
}


def main() -> int:
    """Print the table; returns 1 where the photos are missing."""
    parser = argparse.ArgumentParser(description="Judge labelled photos.")
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data/asian_faces_photos.zip")
    parser.add_argument("--half", choices=("tune", "test", "all"), default="test")
    options = parser.parse_args()
    if not options.data.exists():
        print(f"{options.data} is not there: name the zip of labelled photos with --data.")
        return 1
    with (ROOT / "benchmarks" / "labels" / "photos.csv").open(newline="") as file:
        labels = list(csv.DictReader(file))
    judged = judge(options.data, {row["file"] for row in labels})
    chosen = [row for row in labels if options.half in {row["half"], "all"}]
    for subset in ("random", "enriched"):
        table(subset, [row for row in chosen if row["subset"] == subset], judged)
    return 0


def judge(data: Path, names: set[str]) -> dict[str, Row]:
    """The largest face of each labelled photo, by its file name, judged by the default rules."""
    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(data) as archive:
        for name in archive.namelist():
            if name.rsplit("/", 1)[-1] in names:
                (Path(place) / name.rsplit("/", 1)[-1]).write_bytes(archive.read(name))
        face_set = FaceSet(Path(place) / "made" / "set")
        crop_photos(sorted(Path(place).glob("*.jpg")), face_set, Options())
        rows = [row for row in face_set.rows() if row.crop]
    largest: dict[str, Row] = {}
    for row in rows:
        other = largest.get(row.source)
        if other is None or row.measures["source_px"] > other.measures["source_px"]:
            largest[row.source] = row
    return largest


def table(subset: str, labels: list[dict[str, str]], judged: dict[str, Row]) -> None:
    """Print for each reason: faces labelled, found, wrongly found; precision and recall."""
    found = [row for row in labels if row["file"] in judged]
    print(f"{subset}: n = {len(labels)}, a face found in {len(found)}")
    for label, reasons in REASONS.items():
        certain = [row for row in found if f"unsure {label}" not in row["notes"]]
        predicted = {
            r["file"]: any(it.name in reasons for it in judged[r["file"]].reasons) for r in certain
        }
        right = sum(row[label] == "1" and predicted[row["file"]] for row in certain)
        wrong = sum(row[label] == "0" and predicted[row["file"]] for row in certain)
        labelled = sum(row[label] == "1" for row in certain)
        precision = f"{right / (right + wrong):.2f}" if right + wrong else "-"
        recall = f"{right / labelled:.2f}" if labelled else "-"
        print(
            f"  {label:<15} labelled {labelled:>3}  found {right:>3}  wrongly {wrong:>3}  "
            f"precision {precision:>4}  recall {recall:>4}"
        )
    unusable = [row for row in found if row["usable"] == "no"]
    usable = [row for row in found if row["usable"] == "yes"]
    wrongly_kept = sum(judged[row["file"]].verdict == "kept" for row in unusable)
    wrongly_rejected = sum(judged[row["file"]].verdict != "kept" for row in usable)
    print(
        f"  wrongly kept {wrongly_kept} of {len(unusable)} unusable, "
        f"wrongly rejected {wrongly_rejected} of {len(usable)} usable"
    )


if __name__ == "__main__":
    sys.exit(main())
