"""Sobol points as parameters of synthetic simulations."""

import numpy as np

from simlab.halo.parameters import load_info
from simlab.halo.sobol import sobol_parameters

INFO = load_info()


def test_points_stay_inside_the_info_table():
    names, values = sobol_parameters(1993, range(128), INFO)

    assert names == tuple(INFO.names)
    assert values.shape == (128, 35)
    low, high = np.array(INFO.minimum), np.array(INFO.maximum)
    slack = 1e-12 * np.abs(values)
    assert (values >= low - slack).all()
    assert (values <= high + slack).all()


def test_points_spread_evenly_and_logged_columns_in_the_logarithm():
    names, values = sobol_parameters(1993, range(128), INFO)

    for column, name in enumerate(names):
        if name == "Omega0":
            continue  # raised where baryons need it
        low, high = INFO.minimum[column], INFO.maximum[column]
        transform = np.log if INFO.log[column] else np.asarray
        share = (transform(values[:, column]) - transform(low)) / (transform(high) - transform(low))
        # a (t, 7, s)-net in base 2 has exactly one half of its points in each half
        assert np.count_nonzero(share < 0.5) == 64, name
        assert np.unique(np.floor(share * 128)).size == 128


def test_point_of_a_simulation_does_not_depend_on_the_others():
    _, all_points = sobol_parameters(1993, range(20), INFO)

    _, some = sobol_parameters(1993, [17, 3, 4], INFO)

    np.testing.assert_array_equal(some, all_points[[17, 3, 4]])
    assert not np.array_equal(sobol_parameters(7, range(20), INFO)[1], all_points)
    assert sobol_parameters(1993, [], INFO)[1].shape == (0, 35)


def test_matter_always_exceeds_the_baryons():
    names, values = sobol_parameters(1993, range(256), INFO)

    omega_m = values[:, names.index("Omega0")]
    floor = 1.5 * values[:, names.index("OmegaBaryon")] + 0.02
    assert (omega_m >= floor).all()
    assert (omega_m == floor).any()
