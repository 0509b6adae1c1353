"""Runs the OpenCL kernels once: python afm_oclgrind.py LANES NX NY ATOMS; for oclgrind."""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests")]


def main(lanes, nx, ny, n_atoms):
    from simlab.afm.boxes import Box, equilibrium_offset
    from simlab.afm.densities import HartreePotential
    from simlab.afm.forcefields import AtomicField
    from simlab.afm.grid_fields import D3Field, EnergyGridField, hartree_point_field
    from simlab.afm.kernels import opencl
    from simlab.afm.opencl_scanning import OpenCLEngine
    from simlab.afm.rotations import rotation_matrix
    from simlab.afm.scanning import ScanJob, internal_stiffness

    opencl.lanes_of = lambda device: lanes
    engine = OpenCLEngine()
    print(engine.description["device"], "lanes", engine._device.lanes)
    rng = np.random.default_rng(0)
    box = Box.from_lvec([[0, 0, 0], [16, 0, 0], [0, 16, 0], [0, 0, 8]], 1)
    xyzs = np.column_stack([rng.uniform(5, 11, (n_atoms, 2)), rng.uniform(-2, -1, n_atoms)])
    parameters, charges = np.tile([20.0, 3e4], (n_atoms, 1)), rng.normal(0, 0.1, n_atoms)
    lj = AtomicField(box, xyzs, parameters)
    energy = rng.normal(0, 0.01, box.shape).astype(np.float32)
    potential = HartreePotential(energy, box.lvec)
    d3 = D3Field(box, xyzs, np.tile([5.0, 40.0, 500.0, 4000.0], (n_atoms, 1)))
    fields = [
        AtomicField(box, xyzs, parameters, charges, [-1, 2, -1], [1, 0, -1]),
        AtomicField(box, xyzs, parameters, charges, [0.3], [0.3]),
        EnergyGridField(box, energy, d3),
        hartree_point_field(box, potential, lj, [0.3, -0.3], [0.4, -1]),
        hartree_point_field(box, potential, lj, [0.3], [0.1], rotation_matrix((1, 1, 1), 0.7)),
    ]
    window = np.array([[4, 4, 5.0], [12, 12, 5.6]])

    def jobs(relax, mode="grid", pixels=(nx, ny)):
        stiffness = internal_stiffness([0.25, 0.25, 0, 30])
        rest = equilibrium_offset((0.1, 0.2, 3))
        setup = (rest, stiffness, np.eye(3), np.ones(2), relax, mode)
        return [
            ScanJob(field, window, (*pixels, 2), *setup)
            for field in (fields if mode == "grid" else fields[:1])
        ]

    for relax in ("newton", "fire"):
        for result in engine.scan(jobs(relax)):
            assert np.isfinite(result.df).all()
    (job, *_) = jobs("newton")
    engine.heights(job, 0.05, 6, None)
    engine.relaxed(jobs("fire", pixels=(5, 3))[0])
    (exact,) = jobs("newton", "direct", (5, 3))
    engine.scan([exact])
    engine.heights(exact, 0.05, 3)
    draw_all(engine.maps, nx, ny, xyzs, charges)


def draw_all(maps, nx, ny, xyzs, charges):
    xs, ys = np.linspace(4, 12, nx), np.linspace(4, 12, ny)
    rows = np.column_stack([xyzs, np.full(len(xyzs), 1.2)])
    out = np.zeros((nx, ny), np.float32)
    samples = np.exp(-0.5 * np.arange(-1, 103))
    maps.spheres(xs, ys, rows, np.arange(len(rows)) % 3, np.zeros((nx, ny, 3), np.float32))
    maps.caps(xs, ys, rows, -1.5, 0.5, 0.1, out)
    maps.disks(xs, ys, rows, out)
    maps.occluded_disks(xs, ys, np.column_stack([rows, rows[:, 3]]), -1.2, 0.2, 1.2, out)
    maps.atom_profiles(xs, ys, rows[:, :3], samples, 0.1, 10.0, out)
    ends = np.hstack([xyzs, xyzs[::-1]])
    maps.bond_profiles(xs, ys, ends, -1.5, 0.5, samples, 0.1, 10.0, out)
    zs = np.full((nx, ny), 3.0)
    maps.vertical_field(xs, ys, zs, np.column_stack([xyzs, charges]), 14.4, 1e-4, out)
    maps.lorentzians(xs, ys, xyzs, 1.0, 0.1, out)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
