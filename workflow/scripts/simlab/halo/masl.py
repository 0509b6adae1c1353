"""Cloud in cell by MASL of Pylians, an optional backend: single precision, one full map.

Two-dimensional maps of MASL hold every particle twice until they are halved; it does that by itself
after every call unless told not to, which would halve earlier chunks again.
"""

import numpy as np

from simlab.core.errors import ConfigError


def library():
    """The module MAS_library, or ConfigError that says how to get it."""
    try:
        import MAS_library
    except ImportError:
        raise ConfigError(
            "cic_backend: masl needs Pylians, which is not installed (make pylians installs it)"
        ) from None
    return MAS_library


def add(module, places, weights, box_size, field):
    """Add particles at `places` (N, 2) float32 >= 0 to `field` (n, n) float32, twice each."""
    if not len(places):
        return
    places[places >= np.float32(box_size)] = 0
    module.MA(
        places,
        field,
        np.float32(box_size),
        MAS="CIC",
        W=weights,
        verbose=False,
        renormalize_2D=False,
    )


def halved(field):
    """What `add` made, every particle once."""
    return field * np.float32(0.5)
