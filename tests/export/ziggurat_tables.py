"""The tables of numpy's normal distribution, read off its behaviour.

`Generator.standard_normal` is the ziggurat of Marsaglia and Tsang (2000) in Doornik's version with
256 layers. Its first 64 random bits name a layer, a sign and a 52-bit number `r`: the result is
`r * width[layer]` if `r < limit[layer]`, else more bits decide. PCG64 is set to a state whose next
output is known, so each width is one draw, and each limit a bisection on whether one draw was
enough. `python -m tests.export.ziggurat_tables` prints the JavaScript module.
"""

import base64
import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

LAYERS = 256
MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
MASK = 2**128 - 1
INCREMENT = 1


def state_before(output: int) -> int:
    """The state of PCG64 whose next output is `output`: its upper half is 0 after the step."""
    return (output - INCREMENT) * pow(MULTIPLIER, -1, 2**128) & MASK


def draw(layer: int, r: int) -> tuple[float, bool]:
    """The normal number of a layer and a 52-bit number, and whether one draw was enough."""
    bits = np.random.PCG64(0)
    output = layer | r << 9
    state = {"state": state_before(output), "inc": INCREMENT}
    bits.state = {"bit_generator": "PCG64", "state": state, "has_uint32": 0, "uinteger": 0}
    value = float(np.random.Generator(bits).standard_normal())
    return value, cast(dict[str, Any], bits.state)["state"]["state"] == output


def width(layer: int) -> float:
    r = 2**40 if layer == 1 else 2**51  # layer 1 has no limit: near 0 it always accepts
    return draw(layer, r)[0] / r


def limit(layer: int) -> int:
    """The least 52-bit number for which one draw is not enough."""
    low, high = 0, 2**52
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if draw(layer, middle)[1] else (low, middle)
    return low


def tables() -> dict[str, NDArray[np.float64]]:
    """Widths, limits, and the density exp(-x**2 / 2) at the right end of each layer."""
    widths = [width(layer) for layer in range(LAYERS)]
    density = [1.0] + [math.exp(-0.5 * (value * 2**52) ** 2) for value in widths[1:]]
    limits = [float(limit(layer)) for layer in range(LAYERS)]
    return {
        "WIDTHS": np.array(widths),
        "LIMITS": np.array(limits),
        "DENSITIES": np.array(density),
    }


def module() -> str:
    """The JavaScript module with these tables."""
    lines = [
        "/**",
        " * The ziggurat of numpy's normal distribution: 256 float64 each, in base64.",
        " * Made by tests/export/ziggurat_tables.py from the behaviour of numpy.",
        " */",
    ]
    for name, values in tables().items():
        encoded = base64.b64encode(values.astype("<f8").tobytes()).decode()
        lines.append(f'export const ZIGGURAT_{name} = "{encoded}";')
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(module(), end="")
