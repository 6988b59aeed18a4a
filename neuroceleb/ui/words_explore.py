"""The words of the Explore tab, in English and Korean."""

EN: dict[str, str] = {}
KO: dict[str, str] = {}
