"""Paired simulations made from the parameters of a CAMELS row: haloes planted on a 2LPT field.

Units: lengths comoving Mpc/h, masses Msun/h. The same numbers wherever and however they are run.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from simlab.core.errors import PhysicsError
from simlab.core.random import generator
from simlab.halo.cosmology import Cosmology, radius_200
from simlab.halo.displacement import displaced_particles, displacement, linear_field, wrapped
from simlab.halo.hydro import Feedback, gas_and_stars, rearranged_dark_matter
from simlab.halo.overdensity import measure_haloes, neighbor_tree
from simlab.halo.parameter_names import SHORT_NAMES, spellings
from simlab.halo.parameters import short_parameters
from simlab.halo.planting import FreeParticles, Halo, plant
from simlab.halo.profiles import triaxial_nfw
from simlab.halo.sites import THRESHOLD, choose_sites, draw_field_masses, draw_masses
from simlab.halo.sobol import least_omega_m

COSMOLOGY = ("Omega0", "OmegaBaryon", "HubbleParam", "n_s", "sigma8")
SMALLEST_GRID = 8
LARGEST_PLANTED_SHARE = 0.9
"""Largest share of the particles that may become haloes."""
CORNER = 0.25
"""Largest distance of halo 0 from a corner of the box along each axis, Mpc/h."""
FOF_MASS = 1.15
"""Mean FOF mass in units of M200c, and the standard deviation of its logarithm."""
FOF_SCATTER = 0.1
CONCENTRATION_SCATTER = 0.25
CONCENTRATION_RANGE = (3.0, 20.0)


@dataclass(frozen=True)
class SyntheticSimulation:
    """A dark-matter-only box, its hydrodynamic twin and the catalog of the former.

    Attributes
    ----------
    pos_dmo : (n^3, 3) float32
        In [0, L), Mpc/h, as the other positions.
    mass_dmo : float
        Mass of each of these particles, Msun/h.
    pos_hdm, pos_gas, pos_star : (N, 3) float64
    mass_hdm : float
    mass_gas, mass_star : (N,) float32
    groups : dict
        By falling GroupMass: GroupPos (G, 3) float32, Mpc/h; Group_M_Crit200, GroupMass (G,)
        float32, Msun/h; Group_R_Crit200 (G,) float32, Mpc/h; GroupLen (G,) int32.
    box_size : float
        L, Mpc/h.
    omega0, omega_baryon, omega_lambda, hubble : float
    seed, sim : int
    """

    pos_dmo: np.ndarray
    mass_dmo: float
    pos_hdm: np.ndarray
    mass_hdm: float
    pos_gas: np.ndarray
    mass_gas: np.ndarray
    pos_star: np.ndarray
    mass_star: np.ndarray
    groups: dict
    box_size: float
    omega0: float
    omega_baryon: float
    omega_lambda: float
    hubble: float
    seed: int
    sim: int


def synthesize_simulation(parameters, *, n_grid, box_size=50.0, seed, sim):
    """Paired simulations with the cosmology and the feedback of `parameters`.

    Parameters
    ----------
    parameters : mapping
        Columns of a CAMELS table by name, physical units.
    n_grid : int
        Particles of each kind along an axis, even.
    box_size : float
        Side of the box, Mpc/h.
    seed, sim : int
        Seed of the data set and number of the simulation.

    Returns
    -------
    SyntheticSimulation
        Positions and masses of the particles of both runs, the catalog `groups`, box and
        cosmology; `write_simulation` writes it in the layout of CAMELS.
    """
    cosmology, feedback = _physics(parameters)
    _check_box(n_grid, box_size)
    streams = {
        name: generator(seed, f"halo.{name}", sim)
        for name in ("white_noise", "masses", "profiles", "field_groups", "gas", "stars")
    }
    particle_mass = cosmology.mean_density * box_size**3 / n_grid**3
    noise = streams["white_noise"].standard_normal((n_grid,) * 3)
    field = linear_field(cosmology, noise, box_size)
    psi = displacement(field, cosmology.omega_m, cosmology.truncation_radius())
    positions = displaced_particles(psi, box_size, 0.5, streams["white_noise"])
    haloes = _haloes(cosmology, field, positions, particle_mass, streams)
    del field

    def place(rows, halo):
        return triaxial_nfw(len(rows), halo.concentration, streams["profiles"])

    plant(FreeParticles(positions, box_size), haloes, place)
    gas, stars, star_shares = gas_and_stars(
        psi,
        box_size,
        haloes,
        feedback,
        gas_stream=streams["gas"],
        star_stream=streams["stars"],
    )
    del psi
    shift = (2 * streams["profiles"].random(3) - 1) * CORNER - haloes[0].center
    haloes = [_moved(halo, shift, box_size) for halo in haloes]
    pos_dmo = float32_positions(wrapped(positions + shift, box_size), box_size)
    tree = neighbor_tree(pos_dmo, box_size)
    pos_hdm = wrapped(rearranged_dark_matter(tree, haloes, feedback), box_size)
    gas_mass = particle_mass * cosmology.baryon_fraction
    return SyntheticSimulation(
        pos_dmo=pos_dmo,
        mass_dmo=particle_mass,
        pos_hdm=pos_hdm,
        mass_hdm=particle_mass * (1 - cosmology.baryon_fraction),
        pos_gas=wrapped(gas + shift, box_size),
        mass_gas=np.full(len(gas), gas_mass, dtype=np.float32),
        pos_star=wrapped(stars + shift, box_size),
        mass_star=(gas_mass * star_shares).astype(np.float32),
        groups=_catalog(tree, haloes, particle_mass, streams["field_groups"]),
        box_size=float(box_size),
        omega0=cosmology.omega_m,
        omega_baryon=cosmology.omega_b,
        omega_lambda=1 - cosmology.omega_m,
        hubble=cosmology.h,
        seed=seed,
        sim=sim,
    )


def float32_positions(positions, box_size):
    """Positions (N, 3) as float32 in [0, L): what rounds to L becomes 0."""
    rounded = positions.astype(np.float32)
    rounded[rounded >= box_size] = 0
    return rounded


def _physics(parameters):
    missing = [
        name
        for name in (*COSMOLOGY, *(column for column, _ in SHORT_NAMES.values()))
        if not any(spelled in parameters for spelled in spellings(name))
    ]
    if missing:
        raise PhysicsError(f"parameters without {', '.join(missing)}; found {list(parameters)}")
    omega_m, omega_b, h, n_s, sigma8 = (
        float(next(parameters[n] for n in spellings(name) if n in parameters)) for name in COSMOLOGY
    )
    cosmology = Cosmology(omega_m, omega_b, h, n_s, sigma8)
    if omega_m < least_omega_m(omega_b):
        raise PhysicsError(
            f"Omega0 is {omega_m}, expected at least {least_omega_m(omega_b):g} (OmegaBaryon is "
            f"{omega_b})"
        )
    return cosmology, Feedback(**short_parameters(parameters))


def _check_box(n_grid, box_size):
    if n_grid % 2 or n_grid < SMALLEST_GRID:
        raise PhysicsError(f"n_grid is {n_grid}, expected an even number >= {SMALLEST_GRID}")
    if not 0 < box_size < math.inf:
        raise PhysicsError(f"box_size is {box_size} Mpc/h, it must be > 0 and finite")


def _haloes(cosmology, field, positions, particle_mass, streams):
    """Haloes above THRESHOLD and field groups below, descending in mass; none without particles."""
    box_size = field.box_size
    heavy = draw_masses(cosmology, box_size, streams["masses"])
    light = draw_field_masses(box_size, streams["field_groups"])
    numbers = np.maximum(np.rint(heavy / particle_mass), np.floor(THRESHOLD / particle_mass) + 1)
    field_numbers = np.floor(light / particle_mass)
    light = light[field_numbers > 0]
    numbers = np.concatenate([numbers, field_numbers[field_numbers > 0]]).astype(np.int64)
    if numbers.sum() > LARGEST_PLANTED_SHARE * len(positions):
        raise PhysicsError(
            f"box_size is {box_size:g} Mpc/h: {heavy.size} haloes above {THRESHOLD:g} Msun/h and "
            f"{light.size} groups below need {numbers.sum() / len(positions):.0%} of its matter"
        )
    masses = np.concatenate([heavy, light])
    sites = choose_sites(field, positions, masses, cosmology)
    scatter = streams["profiles"].normal(0, CONCENTRATION_SCATTER, masses.size)
    concentrations = np.clip(7.5 * (masses / 1e13) ** -0.1 * np.exp(scatter), *CONCENTRATION_RANGE)
    return [
        Halo(
            center=positions[site].copy(),
            mass=float(mass),
            number=int(number),
            radius=float(radius_200(number * particle_mass)),
            concentration=float(concentration),
        )
        for site, mass, number, concentration in zip(
            sites, masses, numbers, concentrations, strict=True
        )
    ]


def _moved(halo, shift, box_size):
    """The halo after a translation of the box, at a position that float32 holds."""
    center = float32_positions(wrapped(halo.center + shift, box_size), box_size)
    return replace(halo, center=center.astype(np.float64))


def _catalog(tree, haloes, particle_mass, rng):
    """Groups as measured in the particles; the heaviest halo comes first."""
    centers = np.array([halo.center for halo in haloes])
    mass, radius = measure_haloes(tree, centers, [halo.radius for halo in haloes], particle_mass)
    scatter = rng.normal(0, FOF_SCATTER, mass.size)
    top = scatter.argmax()
    scatter[[0, top]] = scatter[[top, 0]]
    fof_mass = FOF_MASS * mass * np.exp(scatter)
    order = np.argsort(-fof_mass, kind="stable")
    return {
        "GroupPos": centers[order].astype(np.float32),
        "Group_M_Crit200": mass[order].astype(np.float32),
        "Group_R_Crit200": radius[order].astype(np.float32),
        "GroupMass": fof_mass[order].astype(np.float32),
        "GroupLen": np.maximum(np.rint(fof_mass[order] / particle_mass), 1).astype(np.int32),
    }
