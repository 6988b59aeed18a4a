"""The verb `explore`: a model's latent space on the command line, one module a sub-verb."""

import click

from neuroceleb.cli.explore.arithmetic import arithmetic
from neuroceleb.cli.explore.directions import directions
from neuroceleb.cli.explore.draw_map import draw_map
from neuroceleb.cli.explore.heatmap import heatmap
from neuroceleb.cli.explore.layers import layers
from neuroceleb.cli.explore.nearest import nearest
from neuroceleb.cli.explore.project import project
from neuroceleb.cli.explore.walk import walk


@click.group()
def explore() -> None:
    """Explore a model: directions, arithmetic, maps, projection, copies, layers, heat maps.

    MODEL is a run's name, a run directory, or a weights file. A FACE is a seed, `average` (z = 0),
    or a JSON file with the numbers of a z, as `project --json` prints them.
    """


for command in (directions, arithmetic, walk, draw_map, project, nearest, layers, heatmap):
    explore.add_command(command)
