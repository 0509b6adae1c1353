"""MASL of Pylians as backend."""

import sys

import numpy as np
import pytest
from halo_particles import L, clustered, masl_excess, views

from simlab.core.errors import ConfigError
from simlab.halo.projection import project_multiscale

CENTER = np.array([[3.0, 49.0, 20.0]])


def test_without_pylians_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "MAS_library", None)
    with pytest.raises(ConfigError, match="make pylians"):
        project_multiscale(clustered(10), CENTER, views(1)[None], cic_backend="masl")


class StandIn:
    """MAS_library as documented: every particle twice, single precision, in place."""

    @staticmethod
    def MA(places, field, box, MAS, W, verbose, renormalize_2D):
        assert places.dtype == field.dtype == W.dtype == np.float32
        assert (MAS, verbose, renormalize_2D) == ("CIC", False, False)
        assert places.min() >= 0
        assert places.max() < box
        for (x, y), w in zip(places.astype(float) * len(field) / box, W, strict=True):
            i, j = int(x), int(y)
            field[i, j] += 2 * w * (1 - x + i) * (1 - y + j)
            field[i, (j + 1) % len(field)] += 2 * w * (1 - x + i) * (y - j)
            field[(i + 1) % len(field), j] += 2 * w * (x - i) * (1 - y + j)
            field[(i + 1) % len(field), (j + 1) % len(field)] += 2 * w * (x - i) * (y - j)


@pytest.mark.parametrize("mode", ["exact", "faces"])
def test_chunks_are_added_and_halved_once(monkeypatch, mode):
    monkeypatch.setitem(sys.modules, "MAS_library", StandIn)
    positions, masses = clustered(3000)
    options = {"mode": mode, "chunk_particles": 1000}
    arguments = (positions, masses), CENTER, views(1)[None]
    ours = project_multiscale(*arguments, **options)[0, 0]
    theirs = project_multiscale(*arguments, **options, cic_backend="masl")[0, 0]
    assert masl_excess(ours, theirs, masses.max(), (1, 2, 4, 8)) < 1


@pytest.mark.full
def test_maps_agree_with_those_of_pylians():
    pytest.importorskip("MAS_library")
    positions, masses = clustered(100000)
    arguments = (positions, masses), CENTER, views(2)[None]
    for options in ({}, {"scales": (6.25,)}, {"mode": "faces"}):
        ours = project_multiscale(*arguments, **options)[0]
        theirs = project_multiscale(*arguments, **options, cic_backend="masl")[0]
        for a, b in zip(ours, theirs, strict=True):
            factors = (1, 2, 4, 8)[: len(a)]
            assert masl_excess(a, b, masses.max(), factors) < 1
            assert a.sum(dtype=float) == pytest.approx(b.sum(dtype=float), rel=1e-5)


@pytest.mark.full
def test_two_dimensional_maps_of_pylians_hold_every_particle_twice():
    masl = pytest.importorskip("MAS_library")
    field = np.zeros((8, 8), np.float32)
    masl.MA(
        np.ones((1, 2), np.float32),
        field,
        np.float32(L),
        MAS="CIC",
        W=np.ones(1, np.float32),
        verbose=False,
        renormalize_2D=False,
    )
    assert field.sum() == pytest.approx(2)
