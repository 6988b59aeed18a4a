"""A draft: rules and choices that are tried on a dataset before they are saved.

It is a file beside the manifest, so it survives a closed page. It moves no crops.
"""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from neuroceleb import files, records
from neuroceleb.data.faces import edit, review
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError

MAX_CHOICES = 100_000


@dataclass(frozen=True)
class Draft:
    """Rules, and a person's choices that are not saved yet, by the id of the face."""

    rules: Rules
    choices: Mapping[str, str | None] = field(default_factory=dict)

    def with_rules(self, **values: Any) -> "Draft":
        """Raises UserError for a rule out of bounds."""
        return Draft(Rules.checked(**{**dataclasses.asdict(self.rules), **values}), self.choices)

    def with_choice(self, row: Row, choice: str | None) -> "Draft":
        """With the choice for one face; raises UserError for no choice, or one too many."""
        review.check_choice(choice)
        choices = {face_id: value for face_id, value in self.choices.items() if face_id != row.id}
        if choice != row.overruled:
            choices[row.id] = choice
        if len(choices) > MAX_CHOICES:
            raise UserError("There are too many choices: save the dataset first.")
        return Draft(self.rules, choices)


class Saved(TypedDict):
    """draft.json; see `records`."""

    rules: dict[str, float | str]
    choices: dict[str, str | None]


def read(face_set: FaceSet) -> Draft:
    """The draft of a dataset, or the saved rules without choices where there is none.

    A damaged draft is set aside as `draft.json.damaged`. Raises DamagedFileError where the saved
    rules cannot be read.
    """
    saved = Draft(edit.saved_rules(face_set))
    try:
        value = records.read(face_set.draft, Saved)
        if value is None:
            return saved
        for choice in value["choices"].values():
            review.check_choice(choice)
        return Draft(saved.with_rules(**value["rules"]).rules, value["choices"])
    except UserError:
        records.set_aside(face_set.draft)
        return saved


def write(face_set: FaceSet, draft: Draft) -> None:
    """Store a draft, or delete it where it equals what is saved; raises UserError."""
    if not draft.choices and draft.rules == edit.saved_rules(face_set):
        discard(face_set)
        return
    value = {"rules": dataclasses.asdict(draft.rules), "choices": dict(draft.choices)}
    files.write_json(face_set.draft, value)


def save(face_set: FaceSet) -> review.Counts:
    """Save the dataset with the draft's rules and choices, and delete the draft.

    Raises UserError.
    """
    draft = read(face_set)
    counts = edit.save(face_set, draft.rules, draft.choices)
    discard(face_set)
    return counts


def discard(face_set: FaceSet) -> None:
    """Delete the draft: back to what is saved."""
    files.remove(face_set.draft)


def forget(face_set: FaceSet, face_ids: Collection[str]) -> None:
    """Delete the choices for these faces. Raises UserError."""
    if not exists(face_set):
        return
    edited = read(face_set)
    left = {face_id: it for face_id, it in edited.choices.items() if face_id not in face_ids}
    write(face_set, Draft(edited.rules, left))


def exists(face_set: FaceSet) -> bool:
    """Whether there are changes that are not saved."""
    return face_set.draft.exists()
