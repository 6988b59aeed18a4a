"""What D sees in the training photo nearest to a face, to set beside the heat map of the face."""

from dataclasses import dataclass

from neuroceleb.images import Pixels
from neuroceleb.latent import heatmap
from neuroceleb.latent.heatmap import HeatMap
from neuroceleb.metrics.memorization import Comparison, CopyCheck
from neuroceleb.model.networks import Discriminator


@dataclass(frozen=True)
class NearestHeatMap:
    """The nearest training photo of a face, (64, 64, 3) uint8, and D's heat map of that photo."""

    photo: Pixels
    heat: HeatMap
    comparison: Comparison


def explain_nearest(
    discriminator: Discriminator, face: Pixels, check: CopyCheck, samples: int = heatmap.SAMPLES
) -> NearestHeatMap:
    """Find the photo nearest to a (64, 64, 3) uint8 face and explain it as `heatmap.explain` does.

    `check` holds the run's photos (`training_photos.check_of_run`): whoever may not see these may
    not see the result either. Raises UserError as `heatmap.explain` does.
    """
    (comparison,) = check.compare(face[None])
    photo = check.photos[comparison.indices[0]]
    return NearestHeatMap(photo, heatmap.explain(discriminator, photo, samples), comparison)
