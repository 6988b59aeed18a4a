"""Small colour profiles, built from their primaries or tables alone."""

import struct

import numpy as np
from numpy.typing import NDArray

Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

DISPLAY_P3: Primaries = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB: Primaries = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
SRGB: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
D50 = np.array([0.9642, 1.0, 0.8249])
D65 = (0.3127, 0.3290)
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def rgb_profile(primaries: Primaries, gamma: float | None = None) -> bytes:
    """A matrix profile; its curve is that of sRGB where `gamma` is None."""
    columns = np.stack([_xyz(*corner) for corner in primaries], 1)
    white = _xyz(*D65)
    matrix = columns * np.linalg.solve(columns, white)
    scale = np.diag((BRADFORD @ D50) / (BRADFORD @ white))
    matrix = np.linalg.inv(BRADFORD) @ scale @ BRADFORD @ matrix
    function, numbers = (3, SRGB_CURVE) if gamma is None else (0, (gamma,))
    curve = b"para\0\0\0\0" + struct.pack(">HH", function, 0) + _fixed(numbers)
    tags = {b"wtpt": _xyz_tag(D50)}
    for index, letter in enumerate((b"r", b"g", b"b")):
        tags |= {letter + b"XYZ": _xyz_tag(matrix[:, index]), letter + b"TRC": curve}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    """A grey profile of this gamma."""
    curve = b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + _fixed((gamma,))
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz_tag(D50), b"kTRC": curve})


def cmyk_profile(corners: NDArray[np.float64]) -> bytes:
    """A table profile; `corners` (2, 2, 2, 2, 3) are Lab (0..100, -128..127) of no and full ink."""
    lab = corners.reshape(-1, 3) * [2.55, 1, 1] + [0, 128, 128]
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + _fixed(np.eye(3).ravel())
    table += ramp * 4 + np.rint(lab).clip(0, 255).astype(np.uint8).tobytes() + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz_tag(D50), b"A2B0": table})


def _xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _fixed(values: NDArray[np.float64] | tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _xyz_tag(values: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _profile(kind: bytes, space: bytes, between: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"mluc\0\0\0\0" + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", 8, 28)
    text += "test".encode("utf-16be")
    tags = {b"desc": text, b"cprt": text, **tags}
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        padded = content + b"\0" * (-len(content) % 4)
        table += name + struct.pack(">II", start + len(body), len(padded))
        body += padded
    head = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"\0" * 4, 0x02400000, kind, space, between
    )
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + _fixed(D50) + b"\0" * 48
    return head[:128] + table + body
