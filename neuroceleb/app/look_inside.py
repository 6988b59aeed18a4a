"""The four stations of Look inside: what the tools of Explore and the tour explain."""

from typing import NamedTuple

from neuroceleb.errors import gettext_noop

LAYERS, HEATMAP, SANDBOX = "layers", "heatmap", "sandbox"  # tools of Explore


class Station(NamedTuple):
    """A title and a text in English, and the tool that shows it."""

    title: str
    text: str
    tool: str


THROUGH_THE_LAYERS = Station(
    gettext_noop("Through the layers"),
    gettext_noop(
        "z is a row of random numbers. G's first layer turns it into squares of 4x4, and each "
        "layer doubles the side: 8, 16, 32, then the picture. Each small image is one map. Silence "
        "one of layer 2: almost nothing changes, for a face is in no single map. Those of layer 4 "
        "look like hair, ground and skin."
    ),
    LAYERS,
)
WHERE_D_LOOKS = Station(
    gettext_noop("Where D looks"),
    gettext_noop(
        "D answers a face with one number: how likely it is a photo. Red places speak for fake, "
        "blue ones for real. Take the colours as a hint only: a D with random weights draws maps "
        "just as convincing. Let G follow its gradient on this z: D's answer rises, but on average "
        "the faces get no better."
    ),
    HEATMAP,
)
ONE_STEP_AT_A_TIME = Station(
    gettext_noop("One step at a time"),
    gettext_noop(
        "This is a copy: your run stays as it is. Train D once: it learns from sixteen photos and "
        "sixteen fakes. Train G once: the sixteen faces move to where D would believe them. After "
        "ten steps of both, neither has won. Figures jump at first, for the optimizers are new. "
        "Undo goes back exactly."
    ),
    SANDBOX,
)
BREAK_IT = Station(
    gettext_noop("Break it"),
    gettext_noop(
        "Show D one face only and take a hundred steps: D knows it at once, and all sixteen faces "
        "turn into that person. This is collapse. With D's rate times ten the losses leap, and the "
        "faces grow dull. Without BatchNorm, or with the same z each time, a trained G holds out: "
        "see for how long."
    ),
    SANDBOX,
)
STATIONS = (THROUGH_THE_LAYERS, WHERE_D_LOOKS, ONE_STEP_AT_A_TIME, BREAK_IT)
