"""Embedded colour profiles (ICC): pixels of wide-gamut, CMYK and grey spaces to sRGB."""

import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4 * 2**20  # those of printing presses have up to 3 MB
IDENTITY_LEVELS = 2  # a profile that changes no colour by more is sRGB
PROBES = 9  # levels a channel on which that is tried

_MODES = {"RGB": ("RGB",), "CMYK": ("CMYK",), "GRAY": ("L",)}  # of the images, by a profile's space

Transform = Callable[[Image.Image], Image.Image]


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An RGB image by its profile; the same image where the profile is none, bad or sRGB itself.

    `image` is RGB, L or CMYK, 8 bits a channel. A profile for RGB is also used for a grey image.
    """
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= MAX_PROFILE_BYTES:
        return image
    for candidate in (image, image.convert("RGB") if image.mode == "L" else None):
        transform = None if candidate is None else _transform(profile, candidate.mode)
        if candidate is not None and transform is not None:
            try:
                return transform(candidate)
            except ImageCms.PyCMSError:
                return image
    return image


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> Transform | None:
    """To sRGB from a profile for images of this mode; None where there is none or none is needed.

    Perceptual, as browsers and cameras do it; photos of one camera share their profile.
    """
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if mode not in _MODES.get(opened.profile.xcolor_space.strip(), ()):
            return None
        made = ImageCms.buildTransform(
            opened, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.PERCEPTUAL
        )
        return None if mode == "RGB" and _is_identity(made) else made.apply
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    levels = np.linspace(0, 255, PROBES).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    found = np.asarray(transform.apply(Image.fromarray(colours)))
    return int(np.abs(found.astype(int) - colours.astype(int)).max()) <= IDENTITY_LEVELS
