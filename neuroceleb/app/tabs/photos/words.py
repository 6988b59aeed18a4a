"""What the Photos tab calls views, reasons and rules."""

from neuroceleb.errors import gettext_noop

VIEWS = {
    "all": gettext_noop("All faces"),
    "kept": gettext_noop("Kept"),
    "rejected": gettext_noop("Left out"),
    "no_face": gettext_noop("No face"),
    "unreadable": gettext_noop("Unreadable"),
    "changed": gettext_noop("By hand"),
}
REASONS = {
    "too_small": gettext_noop("too small"),
    "low_score": gettext_noop("hardly a face"),
    "no_face_mesh": gettext_noop("hardly a face, checked twice"),
    "blurred": gettext_noop("blurred"),
    "dark": gettext_noop("too dark"),
    "bright": gettext_noop("too bright"),
    "turned": gettext_noop("turned"),
    "nodding": gettext_noop("nodding"),
    "eyes_covered": gettext_noop("eyes covered"),
    "eyes_closed": gettext_noop("eyes closed"),
    "eyes_narrowed": gettext_noop("eyes narrowed"),
    "outside_frame": gettext_noop("outside the photo"),
    "grey": gettext_noop("grey"),
    "near_duplicate": gettext_noop("near-duplicate"),
    "not_chosen": gettext_noop("not the chosen face"),
    "overruled": gettext_noop("left out by hand"),
}
LIMITS = {
    "min_source_px": gettext_noop("Least size, px"),
    "min_score": gettext_noop("Least certainty that it is a face"),
    "min_face_score": gettext_noop("Least certainty, checked twice"),
    "min_sharpness": gettext_noop("Least sharpness"),
    "min_brightness": gettext_noop("Darkest"),
    "max_brightness": gettext_noop("Brightest"),
    "max_yaw": gettext_noop("Head turned, degrees"),
    "max_pitch": gettext_noop("Head nodding, degrees"),
    "max_eyes_covered": gettext_noop("Eyes covered"),
    "min_openness": gettext_noop("Eyes closed"),
    "min_clear_openness": gettext_noop("Eyes narrowed"),
    "max_outside": gettext_noop("Outside the photo"),
    "duplicate_bits": gettext_noop("Near-duplicates"),
    "min_colour": gettext_noop("Least colour"),
    "faces": gettext_noop("Several faces in one photo"),
}
SEVERAL = {
    "all": gettext_noop("all"),
    "largest": gettext_noop("the largest"),
    "central": gettext_noop("the most central"),
}
