"""Collect the texts of the sources into the app's catalogue of translations.

    .venv/bin/python .ci/catalogue.py

New texts are added without a translation, those that no source has any more are removed. Run it
after adding or changing a text, then write the Korean into the file (`pytest
tests/app/test_catalogue.py` names what is missing).
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "neuroceleb/app/locale/ko/LC_MESSAGES/neuroceleb.po"
# Function and positions of the texts; `c` marks a context. `t`, `tn` and `tc` are the scripts'.
KEYWORDS = (
    *("UserError", "NotFiniteError", "UnreadableImageError", "LostPeerError", "Message"),
    "LocksUnsupportedError",
    *("_", "gettext", "gettext_noop", "label", "ngettext:1,2", "pgettext:1c,2"),
    *("number:2", "choice:2", "text:2"),  # the help of a field (bounds.py)
    *("t", "tn:1,2", "tc:1c,2"),
)

Text = tuple[str | tuple[str, str], str | None, str]  # singular (and plural), context, file


def texts() -> Iterator[Text]:
    """Every text of the sources."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    keywords = parse_keywords(KEYWORDS)
    found = extract_from_dir(ROOT / "neuroceleb", methods, options, keywords)
    for name, _, text, _, context in found:
        yield text, context, f"neuroceleb/{name}"


def main() -> None:
    with PO.open("rb") as file:
        old = read_po(file, locale="ko")
    new = Catalog("ko", header_comment=old.header_comment, creation_date=old.creation_date)
    new.revision_date, new.fuzzy = old.revision_date, False
    new.project, new.version = "neuroceleb", "1"
    new.last_translator, new.language_team, new.msgid_bugs_address = "neuroceleb", "ko", "-"
    for text, context, place in sorted(
        texts(), key=lambda one: (one[2], str(one[0]), one[1] or "")
    ):
        known = old.get(text if isinstance(text, str) else text[0], context)
        empty = "" if isinstance(text, str) else ("",)
        new.add(text, known.string if known else empty, [(place, 0)], context=context)
    with PO.open("wb") as file:
        write_po(file, new, width=100, include_lineno=False)


if __name__ == "__main__":
    main()
