"""Small files that ask for a lot of memory: pictures, pickles and weights, made on the spot."""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

from PIL import Image

Maker = Callable[[], bytes]


# Pictures ----------------------------------------------------------------------------------


def _zeros(count: int) -> bytes:
    """`count` zero bytes, compressed, without holding them."""
    packer = zlib.compressobj(1)
    part = bytes(2**20)
    parts = [packer.compress(part[: min(2**20, count - at)]) for at in range(0, count, 2**20)]
    return b"".join([*parts, packer.flush()])


def png(width: int, height: int, bits: int, kind: int) -> bytes:
    """A black PNG; `kind` is 0 for grey, 2 for RGB, 6 for RGBA."""
    channels = {0: 1, 2: 3, 6: 4}[kind]

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    rows = _zeros(height * (1 + width * channels * bits // 8))
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(
    width: int, height: int, bits: int, sample_format: int, tile_px: int = 0, whole: bool = True
) -> bytes:
    """A grey TIFF in one strip, or in one tile of this side, deflated; cut short if not `whole`."""
    rows, across = (tile_px, tile_px) if tile_px else (height, width)
    data = _zeros(rows * across * bits // 8 if whole else 1_000)
    tags = {256: width, 257: height, 258: bits, 259: 8, 262: 1, 277: 1, 339: sample_format}
    place = {324: 8, 325: len(data), 322: tile_px, 323: tile_px}
    tags |= place if tile_px else {273: 8, 279: len(data), 278: height}
    entries = b"".join(
        struct.pack("<HHII", tag, 4 if value > 65_535 else 3, 1, value)
        for tag, value in sorted(tags.items())
    )
    start = 8 + len(data) + len(data) % 2
    body = data + bytes(len(data) % 2)
    return (
        b"II*\0"
        + struct.pack("<I", start)
        + body
        + struct.pack("<H", len(tags))
        + entries
        + bytes(4)
    )


def webp(width: int, height: int) -> bytes:
    """A black lossless WebP of 30 bytes: every Huffman code has a single symbol."""
    bits = (width - 1) | (height - 1) << 14 | 0 << 28 | 0 << 29
    length = 32  # then: no transform, no colour cache, no meta codes, 5 codes of one symbol 0
    length += 3
    for _ in range(5):
        bits |= 1 << length
        length += 4
    body = b"\x2f" + bits.to_bytes(-(-length // 8) + 1, "little")
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def plain(kind: str, mode: str, width: int, height: int, **options: object) -> bytes:
    """A picture of one colour by Pillow's encoder."""
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(picture: bytes) -> bytes:
    """The JPEG with EXIF's orientation 6."""
    exif = Image.Exif()
    exif[0x0112] = 6
    block = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    return picture[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + picture[2:]


PICTURES: dict[str, Maker] = {
    "16-bit grey PNG, 195 MP": lambda: png(15_000, 13_000, 16, 0),
    "8-bit RGB PNG, 120 MP": lambda: png(12_000, 10_000, 8, 2),
    "8-bit RGBA PNG, 195 MP": lambda: png(15_000, 13_000, 8, 6),
    "16-bit grey PNG, 190 M x 1": lambda: png(190_000_000, 1, 16, 0),
    "float TIFF, 196 MP": lambda: tiff(14_000, 14_000, 32, 3),
    "32-bit TIFF, 196 MP": lambda: tiff(14_000, 14_000, 32, 2),
    "64-pixel TIFF, a tile of 400 MP": lambda: tiff(64, 64, 32, 3, tile_px=20_000),
    "WebP, 195 MP": lambda: webp(15_000, 13_000),
    "WebP, 35 MP": lambda: webp(7_000, 5_000),
    "progressive JPEG, 150 MP": lambda: turned(
        plain("JPEG", "RGB", 15_000, 10_000, progressive=True, subsampling=0)
    ),
    "JPEG, 196 MP": lambda: turned(plain("JPEG", "RGB", 14_000, 14_000)),
    "CMYK JPEG, 100 MP": lambda: plain("JPEG", "CMYK", 10_000, 10_000),
    "GIF, 196 MP": lambda: plain("GIF", "P", 14_000, 14_000),
    "AVIF, 36 MP": lambda: plain("AVIF", "RGB", 6_000, 6_000, speed=10),
    "1-bit TIFF, 196 MP": lambda: plain("TIFF", "1", 14_000, 14_000, compression="group4"),
}


# Pickles and weights -----------------------------------------------------------------------


def memo_pickle(index: int = 0x3FFFFFFF) -> bytes:
    """Nine bytes that make Python's unpickler allocate a table of `index` entries."""
    return b"\x80\x02N" + b"r" + struct.pack("<I", index) + b"."


def doubling_pickle(steps: int = 40) -> bytes:
    """A list of lists of lists, each twice in the next: 2**steps values in a few bytes."""
    value: list[object] = [1.0]
    for _ in range(steps):
        value = [value, value]
    return pickle.dumps({"D_losses": value}, 2)


def torch_zip(pickled: bytes, members: dict[str, int], compress: bool = True) -> bytes:
    """A file as torch.save writes it, with members of so many zero bytes."""
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/byteorder", b"little")
        for name, count in members.items():
            with archive.open(f"archive/data/{name}", "w", force_zip64=True) as member:
                for part in _parts(count):
                    member.write(part)
    return buffer.getvalue()


def _parts(count: int) -> Iterator[bytes]:
    for at in range(0, count, 2**20):
        yield bytes(min(2**20, count - at))
