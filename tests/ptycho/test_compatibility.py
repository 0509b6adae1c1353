"""Older programs run after changing only their import names; the compatibility dictionary."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from simlab.core.errors import ConfigError
from simlab.ptycho import params
from simlab.ptycho.files.inputs import read_input


@pytest.fixture(autouse=True)
def _defaults():
    yield
    params.reset()


def test_the_example_of_the_older_interface_runs(tmp_path):
    program = textwrap.dedent(
        """
        import numpy as np
        from simlab.ptycho.diffsim import sim_object_image
        from simlab.ptycho.probe import get_default_probe
        from simlab.ptycho import params

        params.set('data_source', 'grf')
        params.set('N', 64)
        obj = sim_object_image(size=256, which='train')
        probe = get_default_probe(N=64, fmt='np')
        np.savez(
            'grf_input.npz',
            objectGuess=obj.squeeze().astype(np.complex64),
            probeGuess=probe.astype(np.complex64),
        )
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "workflow" / "scripts")},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    stage1 = read_input(tmp_path / "grf_input.npz")
    assert stage1["objectGuess"].shape == (256, 256)
    assert stage1["probeGuess"].shape == (64, 64)
    assert not stage1["objectGuess"].imag.any()
    assert 0 < stage1["objectGuess"].real.min() < stage1["objectGuess"].real.max() < 1


def test_the_helpers_have_their_older_names():
    from simlab.ptycho import objects, probes, simulation, synthetic_helpers

    assert synthetic_helpers.make_lines_object is objects.make_lines_object
    assert synthetic_helpers.make_probe is probes.make_probe
    assert synthetic_helpers.simulate_nongrid_raw_data is simulation.simulate_nongrid_raw_data
    assert callable(synthetic_helpers.split_raw_data_by_axis)


def test_defaults_are_the_peers():
    expected = {
        "N": 128,
        "offset": 4,
        "gridsize": 2,
        "batch_size": 16,
        "default_probe_scale": 0.7,
        "nphotons": 1e9,
        "data_source": "generic",
        "size": 392,
        "probe_scale": 10,
        "sim_jitter_scale": 0,
        "max_position_jitter": 10,
        "outer_offset_train": None,
        "outer_offset_test": None,
        "nimgs_train": 9,
        "nimgs_test": 3,
        "npseed": 42,
    }
    assert {key: params.get(key) for key in expected} == expected


def test_values_are_converted_and_checked():
    params.set("nphotons", "1e6")
    assert params.get("nphotons") == 1e6
    for key, value in (("N", 33), ("gridsize", 0), ("data_source", "nonsense"), ("npseed", -1)):
        with pytest.raises(ConfigError, match=key):
            params.set(key, value)
    assert params.get("N") == 128


def test_an_unknown_key_names_the_nearest_one():
    for call in (lambda: params.get("grid_size"), lambda: params.set("grid_size", 2)):
        with pytest.raises(ConfigError, match="'grid_size', did you mean gridsize"):
            call()


def test_reset_and_scope_restore():
    params.set("N", 64)
    with pytest.raises(RuntimeError), params.scope(N=32, gridsize=3):
        assert (params.get("N"), params.get("gridsize")) == (32, 3)
        raise RuntimeError
    assert (params.get("N"), params.get("gridsize")) == (64, 2)
    with pytest.raises(ConfigError), params.scope(gridsize=3, typo=1):
        pass
    assert params.get("gridsize") == 2
    params.reset()
    assert params.get("N") == 128


def test_explicit_arguments_win_over_the_dictionary():
    from simlab.ptycho.diffsim import sim_object_image
    from simlab.ptycho.probe import get_default_probe

    with params.scope(data_source="grf", default_probe_scale=0.4):
        np.testing.assert_array_equal(
            sim_object_image(64, data_source="points", seed=1),
            sim_object_image(64, data_source="points", seed=1),
        )
        wide, narrow = get_default_probe(64), get_default_probe(64, scale=0.7)
    assert (wide > 0.5).sum() == 1152
    assert (narrow > 0.5).sum() == 376


def test_the_measured_kinds_cannot_be_generated():
    from simlab.ptycho.diffsim import sim_object_image

    with pytest.raises(ValueError, match="'generic' describes measured data"):
        sim_object_image(64)
