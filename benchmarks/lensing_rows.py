"""Tables of random rows for the benchmark of lensing."""

import csv
import math

import numpy as np

COLUMNS = (
    "index filename model lens einsteinradius ellipseratio orientation source sigma x y nterms"
)


def write_rows(path, count, lens, model, order, seed=1):
    """Write a table: g 20-60, f 0.3-0.9, |eta| 0.3-1.2 g, sigma 5-40 px, Gaussian sources."""
    rng = np.random.default_rng(seed)
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS.split())
        for number in range(1, count + 1):
            g = rng.uniform(20, 60)
            distance, angle = g * rng.uniform(0.3, 1.2), rng.uniform(0, 2 * math.pi)
            numbers = g, rng.uniform(0.3, 0.9), rng.uniform(0, 180)
            place = distance * math.cos(angle), distance * math.sin(angle)
            sigma = rng.uniform(5, 40)
            writer.writerow(
                [number, f"image-{number:06d}.png", model, lens]
                + [f"{value:.4f}" for value in numbers]
                + ["Spherical"]
                + [f"{value:.4f}" for value in (sigma, *place)]
                + [order]
            )
