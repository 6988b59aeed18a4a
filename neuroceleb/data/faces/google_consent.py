"""The cost of Google Cloud Vision, and the user's consent before photos are sent there."""

from collections.abc import Callable
from dataclasses import dataclass

from neuroceleb.errors import UserError

# List price of face detection, 2026, in USD; the free calls are per month.
PRICE_YEAR = 2026
FREE_CALLS = 1_000
VOLUME_PRICE_FROM = 5_000_000
USD_PER_1000 = 1.50
USD_PER_1000_VOLUME = 0.60


def calls(photo_count: int) -> int:
    """How many calls Google bills for that many photos: one per image and feature."""
    return photo_count


def estimate_usd(photo_count: int) -> float:
    """The cost in USD at the list price, if no other photos are sent in that month."""
    count = calls(photo_count)
    full_price = max(0, min(count, VOLUME_PRICE_FROM) - FREE_CALLS)
    volume_price = max(0, count - VOLUME_PRICE_FROM)
    return (full_price * USD_PER_1000 + volume_price * USD_PER_1000_VOLUME) / 1000


def consent_text(photo_count: int) -> str:
    """The question before photos are sent: how many, where to, at what cost."""
    photos = "1 photo" if photo_count == 1 else f"{photo_count:,} photos"
    count = calls(photo_count)
    billed = "1 call" if count == 1 else f"{count:,} calls"
    return (
        f"{photos} would leave this machine and be sent to Google Cloud Vision, reduced and "
        f"without their EXIF: {billed}, about {estimate_usd(photo_count):,.2f} USD at the list "
        f"price of {PRICE_YEAR} (the first {FREE_CALLS:,} a month are free; check yours)."
    )


@dataclass(frozen=True)
class Consent:
    """A person agreed that this many photos are sent. Returned by `request_consent`."""

    photos: int


def request_consent(photo_count: int, confirm: Callable[[str], bool]) -> Consent:
    """Call `confirm` with the `consent_text`; it returns whether the person agrees.

    Raises UserError where the person does not.
    """
    if not confirm(consent_text(photo_count)):
        raise UserError(
            "Nothing was sent to Google: use the yunet detector, which runs on this machine."
        )
    return Consent(photo_count)
