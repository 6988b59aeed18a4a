"""What Gradio reads of our components, and what it prints when it does."""

from pathlib import Path
from urllib.request import urlopen

import pytest

from neuroceleb.app.components.contact_sheet import ContactSheet
from neuroceleb.app.components.face_map import FaceMap
from neuroceleb.app.components.latent_palette import LEADS, LatentPalette
from tests import helpers


def test_props_are_in_the_configuration_as_they_were_given() -> None:
    assert ContactSheet(leads=["start"]).get_config()["leads"] == ["start"]
    assert FaceMap(layout="pca").get_config()["layout"] == "pca"
    palette = LatentPalette(frames="data:").get_config()
    assert (palette["leads"], palette["frames"]) == (list(LEADS), "data:")


@pytest.mark.slow
def test_loading_the_page_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    app = helpers.App(tmp_path)
    try:
        for address in ("", "?tab=progress", "config"):
            with urlopen(app.url + address, timeout=helpers.PATIENCE_S) as response:
                assert response.status == 200
    finally:
        app.kill()
    assert capfd.readouterr().err == ""
