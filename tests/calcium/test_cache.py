"""Cached recordings: found again, verified, replaced when damaged."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from calcium_specs import small

from simlab.calcium import cache
from simlab.calcium.cache import cache_dir, cache_path, simulate_cached
from simlab.calcium.recording import FormatWarning
from simlab.calcium.simulation import simulate
from simlab.calcium.sweeps import sweep
from simlab.core.errors import SimlabError

CELLS = {"kind": "place_neurons", "density_per_mm3": 3e5, "soma_radius_um": 4.0}


@pytest.fixture
def spec():
    sensor = {"kind": "sensor", "photons_per_unit": 2.0}
    return small(CELLS, "cell_activity", "composite", sensor, n_px=(24, 30), frames=3)


@pytest.fixture
def simulations(monkeypatch):
    """Specifications that were really simulated."""
    done = []

    def counted(spec):
        done.append(spec)
        return simulate(spec)

    monkeypatch.setattr(cache, "simulate", counted)
    return done


def test_the_directory_comes_from_the_first_variable_that_is_set(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    for name in cache.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert cache_dir() == Path("/home/someone/.cache/minisim")
    monkeypatch.setenv("MINISIM_CACHE", "~/second")
    assert cache_dir() == Path("/home/someone/second")
    monkeypatch.setenv("SIMLAB_CALCIUM_CACHE", "")
    assert cache_dir() == Path("/home/someone/second")
    monkeypatch.setenv("SIMLAB_CALCIUM_CACHE", "/data/first")
    assert cache_dir() == Path("/data/first")


def test_files_are_named_by_version_and_key(spec, tmp_path):
    path = cache_path(spec, tmp_path)
    assert path.name == f"{spec.cache_key()}.h5"
    assert path.parent == tmp_path / "simlab-v1-e1"
    assert not path.parent.exists()


def test_a_recording_is_simulated_once(spec, tmp_path, simulations, monkeypatch):
    monkeypatch.setenv("SIMLAB_CALCIUM_CACHE", str(tmp_path / "cache"))
    first, second = simulate_cached(spec), simulate_cached(spec)
    assert simulations == [spec]
    assert cache_path(spec).exists()
    expected = simulate(spec)
    for recording in (first, second):
        assert recording.spec == spec
        assert recording.observed.dtype == expected.observed.dtype
        np.testing.assert_array_equal(recording.observed_counts, expected.observed_counts)
        np.testing.assert_array_equal(recording.ground_truth.C, expected.ground_truth.C)
        assert recording.ground_truth.S.dtype == expected.ground_truth.S.dtype


def test_points_of_a_sweep_share_the_file_of_the_plain_specification(spec, tmp_path, simulations):
    simulate_cached(spec, root=tmp_path)
    (point,) = sweep(spec, {"seed": [spec.seed]})
    assert simulate_cached(point, root=tmp_path).spec == spec
    (other,) = sweep(spec, {"seed": [spec.seed + 1]})
    simulate_cached(other, root=tmp_path)
    assert len(simulations) == 2


def damaged_key(path, spec):
    with h5py.File(path, "r+") as file:
        file.attrs["spec_cache_key"] = "0" * 16


def truncated(path, spec):
    path.write_bytes(path.read_bytes()[:2000])


def emptied(path, spec):
    path.write_bytes(b"")


def of_another_specification(path, spec):
    other = small("neuropil", "sensor", n_px=(24, 30), frames=2)
    simulate(other).save(path)


def stopped_early(path, spec):
    simulate(spec, until="composite").save(path)


@pytest.mark.parametrize(
    "spoil", [damaged_key, truncated, emptied, of_another_specification, stopped_early]
)
def test_a_file_that_cannot_be_trusted_is_replaced(spec, tmp_path, simulations, spoil):
    simulate_cached(spec, root=tmp_path)
    path = cache_path(spec, tmp_path)
    good = path.read_bytes()
    spoil(path, spec)
    assert path.read_bytes() != good
    with pytest.warns(FormatWarning, match=path.name):
        simulate_cached(spec, root=tmp_path)
    assert len(simulations) == 2
    assert path.read_bytes() == good
    simulate_cached(spec, root=tmp_path)
    assert len(simulations) == 2


def test_a_root_that_is_no_directory_is_named(spec, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SimlabError, match=str(tmp_path / "file")):
        simulate_cached(spec, root=tmp_path / "file")
