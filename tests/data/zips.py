"""Zips as other programs write them."""

import zipfile
from collections.abc import Mapping
from pathlib import Path


class _Member(zipfile.ZipInfo):
    """A member whose name is stored as given: in an encoding, without the flag for UTF-8."""

    encoding: str | None = None

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802  of zipfile
        if self.encoding is None:
            return self.filename.encode(), self.flag_bits | 0x800
        return self.filename.encode(self.encoding), self.flag_bits & ~0x800


def zip_of(path: Path, members: Mapping[str, bytes], encoding: str | None = None) -> Path:
    """A zip of these names, backslashes included; in UTF-8 and marked so, or in an encoding."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            member = _Member()
            member.filename, member.encoding = name, encoding
            archive.writestr(member, content)
    return path
