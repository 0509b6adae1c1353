"""Compiled kernels: warmed for what production calls."""

import numpy as np
from halo_particles import L, clustered, views

from simlab.halo import kernels
from simlab.halo.kernels import deposit, images, multiscale, sorting
from simlab.halo.projection import (
    cic_deposit,
    process_halo_with_full_periodic_tiling,
    project_multiscale,
)


def compiled():
    """Compiled types of every kernel that Python calls."""
    return {
        f"{module.__name__}.{name}": tuple(function.signatures)
        for module in (deposit, images, sorting, multiscale)
        for name, function in vars(module).items()
        if hasattr(function, "signatures") and function.__module__ == module.__name__
    }


def test_production_calls_compile_nothing_after_the_warm_up():
    kernels.warm()
    before = compiled()
    positions, masses = clustered(2000)
    one_mass = np.broadcast_to(np.float64(1e9), (2000,))
    view = np.array([[1.0, 2, 3]]), views(1)[None]
    for form in (masses, one_mass):
        project_multiscale((positions, form), *view, threads=1)
        project_multiscale((positions, form), *view, scales=(6.25,), threads=2)
        process_halo_with_full_periodic_tiling(positions, form, (1, 2, 3), L, 64, 5)
        cic_deposit(positions, form, L, 16)
    assert compiled() == before
