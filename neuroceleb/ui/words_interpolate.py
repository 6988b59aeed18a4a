"""The words of the Interpolate tab, in English and Korean."""

EN: dict[str, str] = {}
KO: dict[str, str] = {}
