"""The original's loader where torchvision is missing: the same work, in Pillow and torch."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

SIDE = 64


class Photos(Dataset[tuple[torch.Tensor, int]]):
    """Photos one sub-folder a person, each decoded, resized, cropped and normalised when asked."""

    def __init__(self, folder: Path) -> None:
        people = sorted(path for path in folder.iterdir() if path.is_dir())
        self.files = [
            (path, number) for number, person in enumerate(people) for path in person.iterdir()
        ]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, person = self.files[index]
        with Image.open(path) as file:
            photo = file.convert("RGB")
        scale = SIDE / min(photo.size)
        width, height = (max(SIDE, int(side * scale)) for side in photo.size)
        photo = photo.resize((width, height), Image.Resampling.BILINEAR)
        left, top = round((width - SIDE) / 2), round((height - SIDE) / 2)
        face = np.asarray(photo.crop((left, top, left + SIDE, top + SIDE)))
        pixels = torch.from_numpy(face.copy()).permute(2, 0, 1).contiguous()
        return pixels.float().div(255).sub(0.5).div(0.5), person


def loader(folder: Path, batch_size: int, workers: int) -> "DataLoader[tuple[torch.Tensor, int]]":
    """Shuffled batches of a folder."""
    return DataLoader(Photos(folder), batch_size=batch_size, shuffle=True, num_workers=workers)
