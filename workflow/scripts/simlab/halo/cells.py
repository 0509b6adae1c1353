"""Numbers in the cells of text tables."""

import math


def finite_number(text):
    """The finite number that `text` says, None if it says none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
