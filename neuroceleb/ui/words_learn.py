"""The words of the tour and the quiz, in English and Korean."""

EN: dict[str, str] = {}
KO: dict[str, str] = {}
