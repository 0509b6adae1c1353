"""How much memory maps take, and what a plan says of it."""

import tracemalloc

import numpy as np
import pytest
from halo_campaign import tiny_dataset

from simlab.campaign import load_campaign
from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.halo import costs, memory, plan
from simlab.halo.config import DatasetConfig
from simlab.halo.projection import project_multiscale
from simlab.halo.rotations import random_rotation

FACES = {"mode": "faces"}


def synthetic(**changes):
    mapping = {"source": {"kind": "synthetic", "n_grid": 64}, "simulations": {"total": 3}}
    return parse_config(DatasetConfig, mapping | {"allow_legacy": True} | changes)


def peak_bytes(maps, views):
    rng = np.random.default_rng(3)
    particles = rng.random((1000, 3)).astype(np.float32) * 50, 1.0
    rotations = np.array([random_rotation((1, 2, 3, rot)) for rot in range(views)])
    tracemalloc.start()
    project_multiscale(
        particles,
        np.full((views, 3), 25.0),
        rotations[:, None],
        target_resolution=maps.resolution,
        scales=maps.scales,
        threads=1,
        mode=maps.mode,
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("mode", ["exact", "faces"])
def test_a_view_takes_what_the_plan_says(mode):
    maps = synthetic(maps={"resolution": 32, "mode": mode}).maps
    peak_bytes(maps, 1)  # compiles
    each = (peak_bytes(maps, 44) - peak_bytes(maps, 4)) / 40
    _, most = memory.view_bytes(maps)
    assert 0.8 * most < each < 1.02 * most


@pytest.mark.parametrize("maps", [{"resolution": 128}, {"resolution": 128, **FACES}])
def test_the_views_of_a_pass_fit_the_limit_and_one_more_does_not(maps):
    dataset = synthetic(maps=maps)
    chunk = costs.chunk_size(dataset)
    view = max(memory.view_bytes(dataset.maps)) / 1e6
    assert 4000 - view < memory.peak_megabytes(dataset.maps, chunk, 4000, 10000) <= 4000
    each = zip(
        memory.fixed_bytes(dataset.maps, chunk), memory.view_bytes(dataset.maps), strict=True
    )
    expected = max(fixed + 10 * view for fixed, view in each) / 1e6
    peak = memory.peak_megabytes(dataset.maps, chunk, 4000, 10)
    assert peak == pytest.approx(expected, abs=1)


def test_views_of_full_maps_count_the_whole_box():
    fast, full = (synthetic(maps=maps).maps for maps in ({}, FACES))
    assert min(memory.view_bytes(full)) > 1024**2 * 8
    assert max(memory.view_bytes(fast)) < 2e6
    masl = synthetic(maps={"cic_backend": "masl"}).maps
    assert 1024**2 * 4 < min(memory.view_bytes(masl)) < 1024**2 * 5


def test_chunks_are_no_larger_than_the_run():
    large = {"chunk_particles": 10**8, "memory_gb": 1}
    assert plan.problems(synthetic(execution=large)) == []
    (problem,) = plan.problems(
        synthetic(execution=large, source={"kind": "synthetic", "n_grid": 512})
    )
    assert problem.startswith("execution.memory_gb: 1 is too little, one view at a time needs 9.9")


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"maps": {"resolution": 1024}, "execution": {"memory_gb": 0.51}}, "0.52 GB"),
        ({"maps": {"resolution": 1024, **FACES}, "execution": {"memory_gb": 1}}, "2.48 GB"),
    ],
)
def test_a_limit_below_one_view_is_refused_when_planning(changes, needed):
    dataset = synthetic(**changes).model_dump(mode="json")
    with pytest.raises(ConfigError, match=rf"execution\.memory_gb: .* needs {needed}"):
        load_campaign({"halo": {"datasets": {"x": dataset}}})


def test_a_job_asks_for_the_memory_of_its_data_set():
    assert costs.samples_megabytes(synthetic(execution={"memory_gb": 0.7})) == 700


def test_full_maps_are_planned_with_their_own_cost():
    fast, full = synthetic(), synthetic(maps=FACES)
    assert costs.samples_seconds(full, 10) > 10 * costs.samples_seconds(fast, 10)
    # measured: 3 species of 0.16 µs each
    per_view = (costs.samples_seconds(full, 20) - costs.samples_seconds(full, 10)) / 100
    assert 0.4e-6 < per_view / 64**3 < 0.9e-6
    large = tiny_dataset(maps=FACES, allow_legacy=True, rotations={"number": 10})
    assert costs.samples_minutes(large) * 60 > 3 * 800 * 512**3 * 4e-7


def test_every_pass_over_the_particles_is_counted():
    once, often = (synthetic(execution={"memory_gb": limit}) for limit in (100, 0.51))
    haloes = 1000
    more = np.ceil(10000 / memory.views_per_pass(often.maps, 64**3, 510)) - 1
    reading = costs.samples_seconds(often, haloes) - costs.samples_seconds(once, haloes)
    assert more > 20
    assert reading == pytest.approx(more * 64**3 * costs.SECONDS_PER_PARTICLE, rel=1e-6)
