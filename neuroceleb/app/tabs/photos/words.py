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
    "no_face_mesh": gettext_noop("hardly a face"),
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
    "overruled": gettext_noop("by hand"),
}
LIMITS = {
    "min_source_px": gettext_noop("Least size, px"),
    "min_score": gettext_noop("Least score of the detector"),
    "min_face_score": gettext_noop("Least score of detector and face mesh"),
    "min_sharpness": gettext_noop("Least sharpness"),
    "min_brightness": gettext_noop("Darkest"),
    "max_brightness": gettext_noop("Brightest"),
    "max_yaw": gettext_noop("Furthest turn, degrees"),
    "max_pitch": gettext_noop("Furthest nod, degrees"),
    "max_eyes_covered": gettext_noop("Eyes covered, chance"),
    "min_openness": gettext_noop("Closed eyes below, height over width"),
    "min_clear_openness": gettext_noop("Narrowed eyes below, height over width"),
    "max_outside": gettext_noop("Outside the photo, share"),
    "duplicate_bits": gettext_noop("Same photo below, bits"),
    "min_colour": gettext_noop("Least colour"),
    "faces": gettext_noop("Several faces in one photo"),
}
SEVERAL = {
    "all": gettext_noop("all"),
    "largest": gettext_noop("the largest"),
    "central": gettext_noop("the most central"),
}
