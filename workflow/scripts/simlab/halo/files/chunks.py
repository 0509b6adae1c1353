"""What snapshots and catalogs in several files have in common: their numbers must add up."""

from simlab.halo.layout import chunk_index

LISTED = 8
"""Chunks that are listed one by one; more are given as ranges."""
TOLERANCE = 1e-6
"""Relative difference up to which boxes and cosmologies are the same."""


def missing_chunks(files, count, error, attribute):
    """Numbers of 0..count-1 that no file bears; a file beyond them is an error."""
    present = [chunk_index(file) for file in files]
    for file, index in zip(files, present, strict=True):
        if index >= count:
            raise error(f"{file}: chunk {index} is there, but {attribute} is {count}")
    return tuple(sorted(set(range(count)) - set(present)))


def chunk_list(numbers):
    """`chunk 7`, `chunks 3, 7`, and for more than eight `chunks 0-18, 20`."""
    if len(numbers) == 1:
        return f"chunk {numbers[0]}"
    if len(numbers) <= LISTED:
        return f"chunks {', '.join(map(str, numbers))}"
    ranges = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return f"chunks {', '.join(str(a) if a == b else f'{a}-{b}' for a, b in ranges)}"


def differ(first, second):
    """Whether two numbers differ by more than the tolerance; None agrees with everything."""
    if first is None or second is None:
        return False
    return abs(first - second) > TOLERANCE * max(abs(first), abs(second))
