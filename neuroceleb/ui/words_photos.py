"""The words of the Photos tab, in English and Korean."""

EN: dict[str, str] = {}
KO: dict[str, str] = {}
