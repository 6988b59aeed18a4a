"""The model card."""

from pathlib import Path

from neuroceleb import files
from neuroceleb.export.card import card_of, terms_of
from neuroceleb.runs.run import Run
from tests import helpers

SHIPPED = Run(helpers.ROOT / "checkpoints" / "celeba-mini")


def test_the_card_of_a_shipped_run() -> None:
    config = {"run": "celeba-mini", "epoch": 12}
    card = card_of(SHIPPED.weights(), helpers.random_generator(100, 64), config, SHIPPED)
    assert (card.name, card.epoch, card.recipe) == ("celeba-mini", 12, "modern")
    assert (card.data, card.images, card.start) == (
        "celeba-curated-96.zip",
        11137,
        "celeba-mini-classic",
    )
    assert "Non-commercial" in card.terms
    assert card.measured == {"n": 2048, "epoch": 12}
    figures = {figure.key: figure for figure in card.figures}
    assert list(figures) == ["well_formed", "swd", "precision", "recall", "ms_ssim", "suspects"]
    assert figures["well_formed"].share
    assert figures["swd"].interval is not None
    assert figures["swd"].interval[0] < figures["swd"].value < figures["swd"].interval[1]


def test_a_dataset_is_named_without_its_folders(tmp_path: Path) -> None:
    run = Run(tmp_path / "mine")
    run.path.mkdir()
    for path in ("/srv/somebody/private/family", r"D:\somebody\private\family"):
        files.write_json(run.path / "config.json", {"dataset": {"path": path, "count": 3}})
        card = card_of(Path("netG.pth"), helpers.random_generator(), {}, run)
        assert (card.data, card.images) == ("family", 3)


def test_the_card_of_a_plain_file() -> None:
    card = card_of(Path("x/netG.pth"), helpers.random_generator(8, 4), {}, None)
    assert (card.name, card.epoch, card.terms, card.figures) == ("netG", None, "", ())
    assert card.network == "DCGAN, 64x64 RGB, nz 8, ngf 4"


def test_terms_are_those_of_the_model_it_started_from() -> None:
    assert terms_of({"start_model": {"name": "celeba-mini", "terms": "Research only."}}) == (
        "Research only."
    )
    assert terms_of({"shipped": {"terms": "A"}, "start_model": {"terms": "B"}}) == "A"
    assert terms_of({"shipped": 3, "start_model": {"terms": [1]}}) == ""
