"""Time, memory and bytes of the jobs of a halo data set, from its configuration."""

import math

from simlab.core.plan import limit_minutes
from simlab.halo import memory
from simlab.halo.cosmology import RHO_CRIT
from simlab.halo.names import FIELD_DENSITY

SECONDS_PER_ITEM = 5.3e-09
"""CPU seconds per DMO particle and halo-rotation; `make benchmark` prints the line to put here."""
SECONDS_PER_ITEM_OF_FULL_MAPS = 5.0e-07
"""The same where every view is a map of the whole box, `mode: faces` or `cic_backend: masl`."""
SECONDS_PER_PIXEL_OF_FULL_MAPS = 5.0e-08
"""CPU seconds per halo-rotation and pixel of such a map."""

SECONDS_PER_PARTICLE = 1.0e-07
"""CPU seconds of reading and sorting a particle, all species."""
SECONDS_PER_SAMPLE = 0.012
"""CPU seconds of writing a sample with its moments."""
SECONDS_PER_SIMULATION = 5.0e-6
"""CPU seconds of synthesizing a pair of simulations, per lattice point."""
BYTES_PER_PIXEL = 2.6
"""Of a map in a sample, deflated, as measured on the default campaign."""
PLANNED_HALOES_PER_VOLUME = 80 / 50.0**3
"""Haloes above 1e13 Msun/h per (Mpc/h)^3 that the time limit of a job allows for."""
CAMELS_PARTICLES = 512**3
LEAST_PARTICLES = 10
"""Of a halo that a halo finder lists."""
USUAL_OMEGA = 0.3
"""Density of matter in units of the critical one, where only orders of magnitude count."""
READ_PER_SECOND = 20e6
"""Bytes of deflated samples or of moments that are read and compared in a CPU second."""
BYTES_PER_MOMENTS = 250
"""Of a channel of a sample in its record."""
MAX_SHARDS = 1000


def simulations(dataset):
    """Numbers of the simulations that are processed."""
    return range(dataset.simulations.start, dataset.simulations.stop)


def is_synthetic(dataset):
    """Whether simlab makes the simulations itself."""
    return dataset.source.kind == "synthetic"


def particles(dataset):
    """Particles of a DMO run."""
    return dataset.source.n_grid**3 if is_synthetic(dataset) else CAMELS_PARTICLES


def chunk_size(dataset):
    """Particles that are held at a time."""
    return min(dataset.execution.chunk_particles, particles(dataset))


def sample_bytes(dataset):
    """Bytes of a sample."""
    maps = len(dataset.maps.scales) + 3
    return int(maps * dataset.maps.resolution**2 * BYTES_PER_PIXEL) + 2500


def samples_seconds(dataset, haloes):
    """CPU seconds of all maps of one simulation with `haloes` haloes."""
    views, maps, count = haloes * dataset.rotations.number, dataset.maps, particles(dataset)
    each = count * SECONDS_PER_ITEM
    if not memory.is_fast(maps):
        each = count * SECONDS_PER_ITEM_OF_FULL_MAPS
        each += maps.npix**2 * SECONDS_PER_PIXEL_OF_FULL_MAPS
    most = memory.views_per_pass(maps, chunk_size(dataset), samples_megabytes(dataset))
    reading = count * math.ceil(max(1, views / most)) * SECONDS_PER_PARTICLE
    return reading + views * (each + SECONDS_PER_SAMPLE)


def haloes_allowed_for(dataset):
    """Haloes of a simulation that time limits allow for, without looking at a catalog."""
    volume, threshold = dataset.maps.box_size**3, resolved_mass(dataset)
    haloes = max(10.0, PLANNED_HALOES_PER_VOLUME * volume)
    if is_synthetic(dataset) and threshold < 1e13:
        haloes += FIELD_DENSITY * volume  # no others are planted
    else:
        haloes *= (1e13 / threshold) ** 1.1
    most = dataset.haloes.max_per_simulation
    return min(haloes, most) if most else haloes


def resolved_mass(dataset):
    """Mass above which there are haloes to expect, Msun/h: the threshold, and LEAST_PARTICLES.

    Synthetic haloes are planted, of however few particles.
    """
    if is_synthetic(dataset):
        return dataset.haloes.mass_threshold
    matter = USUAL_OMEGA * RHO_CRIT * dataset.maps.box_size**3
    return max(dataset.haloes.mass_threshold, LEAST_PARTICLES * matter / particles(dataset))


def planned_haloes(dataset):
    """Haloes of a shard that its time limit allows for."""
    return haloes_allowed_for(dataset) / shards_per_simulation(dataset)


def samples_minutes(dataset):
    """Time limit of a job of samples, minutes."""
    return 20 + int(3 * samples_seconds(dataset, planned_haloes(dataset)) / 60)


def samples_megabytes(dataset):
    """Memory that a job of samples may take, MB."""
    return int(dataset.execution.memory_gb * 1000)


def simulation_megabytes(dataset):
    """Memory of a job that synthesizes a pair of simulations, MB."""
    return int(500 + particles(dataset) * 2.4e-4)


def simulation_minutes(dataset):
    """Time limit of a job that synthesizes a pair of simulations, minutes."""
    return 10 + int(3 * particles(dataset) * SECONDS_PER_SIMULATION / 60)


def gathering_megabytes(dataset):
    """Memory of a job that holds the moments of all samples or checks full maps, MB."""
    return int(
        1000 + moments_bytes(dataset, planned_samples(dataset)) / 1e6 + dataset.maps.npix**2 * 25e-6
    )


def shards_per_simulation(dataset):
    """Shards of a simulation: as given, else so that each takes about `target_seconds`."""
    given = dataset.execution.shards_per_simulation
    if given is not None:
        return given
    seconds = samples_seconds(dataset, haloes_allowed_for(dataset))
    return max(1, min(MAX_SHARDS, math.ceil(seconds / dataset.execution.target_seconds)))


def planned_samples(dataset):
    """Samples of all simulations that time limits and memory allow for."""
    return haloes_allowed_for(dataset) * dataset.rotations.number * len(simulations(dataset))


def moments_bytes(dataset, samples):
    """Bytes of the moments of `samples` samples."""
    return samples * (len(dataset.maps.scales) + 4) * BYTES_PER_MOMENTS


def normalization_seconds(dataset, samples):
    """CPU seconds of the job that reads the moments of `samples` samples."""
    return moments_bytes(dataset, samples) / READ_PER_SECOND


def normalization_minutes(dataset):
    """Its time limit, minutes."""
    return limit_minutes(normalization_seconds(dataset, planned_samples(dataset)), 30)


def checks_seconds(dataset, samples):
    """CPU seconds of the job that checks `samples` samples."""
    return samples * sample_bytes(dataset) / READ_PER_SECOND


def checks_minutes(dataset):
    """Its time limit, minutes."""
    return limit_minutes(checks_seconds(dataset, planned_samples(dataset)), 120)
