"""The names in a zip whose maker wrote them in another encoding than UTF-8.

A zip says of each name whether it is UTF-8. Older Windows programs write the code page of their
system instead and do not say which; macOS writes UTF-8 and does not say so.
"""

import zipfile
from collections.abc import Sequence

from neuroceleb.errors import UserError

AUTO = "auto"
UTF_8_FLAG = 0x800
STANDARD = "cp437"  # the zip standard's own
RECOGNIZED = ("cp949", "cp932", "gbk", STANDARD)  # Korea (with EUC-KR), Japan, China, the West
MAX_SAMPLE_BYTES = 2**16  # of names


def check_encoding(name: str) -> str:
    """The name of a text encoding, or AUTO; raises UserError for others."""
    try:
        if name != AUTO:
            b"a".decode(name)
    except (LookupError, ValueError):
        pass
    else:
        return name
    raise UserError(
        "--zip-names '{name}' is no encoding: use auto, utf-8, cp949, shift_jis, gbk or cp437.",
        name=name[:40],
    )


def decode(
    members: Sequence[zipfile.ZipInfo], encoding: str = AUTO
) -> tuple[list[str], str | None]:
    """The members' names with "/" as the separator, and the encoding they were read in.

    With AUTO one encoding is recognized from all names together. The encoding is None where every
    name is ASCII or marked as UTF-8. Raises UserError where the names are not in `encoding`.
    """
    stored = [_bytes(member) for member in members]
    unmarked = [raw for raw in stored if raw is not None and not raw.isascii()]
    used = None
    if unmarked:
        used = recognized(unmarked) if encoding == AUTO else encoding
    names = []
    for member, raw in zip(members, stored, strict=True):
        name = member.filename if raw is None or used is None else _decoded(raw, used)
        names.append(name.replace("\\", "/"))
    return names, used


def _bytes(member: zipfile.ZipInfo) -> bytes | None:
    """The name as it is stored; None where it is marked as UTF-8."""
    if member.flag_bits & UTF_8_FLAG:
        return None
    try:
        return member.filename.encode(STANDARD)
    except UnicodeEncodeError:  # from a field of its own
        return None


def _decoded(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeError as error:
        raise UserError(
            "The names in the zip are not in '{encoding}': use --zip-names auto, or another.",
            encoding=encoding,
        ) from error


def recognized(names: Sequence[bytes]) -> str:
    """The encoding of these names, all of them together: UTF-8 or one of RECOGNIZED.

    By charset-normalizer; where that is not installed, UTF-8 or the zip standard's.
    """
    possible = [it for it in ("utf-8", *RECOGNIZED) if _fits(names, it)]
    if possible[0] == "utf-8":
        return "utf-8"
    try:
        import charset_normalizer
    except ImportError:  # a machine that only trains
        return STANDARD
    best = charset_normalizer.from_bytes(
        _sample(names), cp_isolation=possible, threshold=0.5
    ).best()
    found = STANDARD if best is None else best.encoding
    if found == "cp949" and "gbk" in possible and _has_ideographs(names):
        return "gbk"  # Korean names of today have none; Chinese ones decode to a mixture
    return found


def _fits(names: Sequence[bytes], encoding: str) -> bool:
    try:
        for name in names:
            name.decode(encoding)
    except UnicodeError:
        return False
    return True


def _sample(names: Sequence[bytes]) -> bytes:
    """The parts of paths that are not ASCII, each once."""
    parts = (part for name in names for part in name.split(b"/") if not part.isascii())
    sample = b""
    for part in dict.fromkeys(parts):
        if len(sample) + len(part) > MAX_SAMPLE_BYTES:
            break
        sample += part + b"\n"
    return sample or names[0]


def _has_ideographs(names: Sequence[bytes]) -> bool:
    return any("\u4e00" <= char <= "\u9fff" for name in names for char in name.decode("cp949"))
