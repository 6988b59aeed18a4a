"""A draft: rules and choices that are tried on a dataset before they are saved.

It lies beside the manifest, so that it outlives a closed page; nothing is moved by it.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neuroceleb import files
from neuroceleb.data.faces import review
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.data.faces.measure import Rules
from neuroceleb.errors import UserError

MAX_CHOICES = 100_000


@dataclass(frozen=True)
class Draft:
    """Rules, and by the id of a face a person's choice (keep, reject, or None: taken back)."""

    rules: Rules
    choices: Mapping[str, str | None] = field(default_factory=dict)

    def with_rules(self, **values: Any) -> "Draft":
        """Raises UserError for a rule out of bounds."""
        return Draft(Rules.checked(**{**dataclasses.asdict(self.rules), **values}), self.choices)

    def with_choice(self, row: Row, choice: str | None) -> "Draft":
        """The face of a row chosen so; raises UserError for no choice, or one too many."""
        review.check_choice(choice)
        choices = {name: value for name, value in self.choices.items() if name != row.id}
        if choice != row.overruled:
            choices[row.id] = choice
        if len(choices) > MAX_CHOICES:
            raise UserError("There are too many choices: save the dataset first.")
        return Draft(self.rules, choices)


def read(face_set: FaceSet) -> Draft:
    """The draft of a dataset, or what was saved last where there is none."""
    saved = Draft(review.rules_of(face_set))
    try:
        value = json.loads(face_set.draft.read_text("utf-8"))
        choices = {str(face_id): choice for face_id, choice in value["choices"].items()}
        for choice in choices.values():
            review.check_choice(choice)
        return Draft(saved.with_rules(**value["rules"]).rules, choices)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UserError):
        return saved


def write(face_set: FaceSet, draft: Draft) -> None:
    """Keep a draft, unless it is what was saved; raises UserError where it cannot be written."""
    if not draft.choices and draft.rules == review.rules_of(face_set):
        forget(face_set)
        return
    value = {"rules": dataclasses.asdict(draft.rules), "choices": dict(draft.choices)}
    files.write_json(face_set.draft, value)


def save(face_set: FaceSet) -> review.Counts:
    """Make the draft true: judge by it, move the crops, write the report. Raises UserError."""
    draft = read(face_set)
    counts = review.settle(face_set, draft.rules, draft.choices)
    forget(face_set)
    return counts


def forget(face_set: FaceSet) -> None:
    """Go back to what was saved last."""
    face_set.draft.unlink(missing_ok=True)


def exists(face_set: FaceSet) -> bool:
    """Whether anything was tried that is not saved."""
    return face_set.draft.exists()
