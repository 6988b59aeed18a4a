"""Counts with what is counted, in the language of the request."""

from neuroceleb.app.catalogue import ngettext


def photos(n: int) -> str:
    """Such as "1 photo" and "2,000 photos"."""
    return ngettext("{n:,} photo", "{n:,} photos", n).format(n=n)


def faces(n: int) -> str:
    """Such as "1 face" and "2,000 faces"."""
    return ngettext("{n:,} face", "{n:,} faces", n).format(n=n)


def days_left(n: int) -> str:
    """Such as "1 day left" and "30 days left"."""
    return ngettext("{n:,} day left", "{n:,} days left", n).format(n=n)


def files_skipped(n: int) -> str:
    """Such as "1 file skipped" and "2 files skipped"."""
    return ngettext("{n:,} file skipped", "{n:,} files skipped", n).format(n=n)


def passed_over(n: int) -> str:
    """A sentence on files that are no photos."""
    sentence = ngettext(
        "{n:,} file is no photo and was passed over.",
        "{n:,} files are no photos and were passed over.",
        n,
    )
    return sentence.format(n=n)


def removed_photos(n: int) -> str:
    """A sentence on photos whose faces were removed from the dataset earlier."""
    sentence = ngettext(
        "{n:,} photo whose faces were removed earlier was left out.",
        "{n:,} photos whose faces were removed earlier were left out.",
        n,
    )
    return sentence.format(n=n)
