"""Draw the figures of the documentation with the library itself.

python docs/figures.py [FOLDER]     (default: docs/images)
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from house import house
from matplotlib.patches import Rectangle

from simlab.core import figures
from simlab.core.config import user_path
from simlab.core.random import generator
from simlab.core.yaml_files import read_yaml
from simlab.halo.config import DatasetConfig
from simlab.halo.figures import sheet
from simlab.halo.parameters import ParameterTable
from simlab.halo.projection import process_halo_with_full_periodic_tiling, project_multiscale
from simlab.halo.rotations import random_rotation
from simlab.halo.synthetic import synthesize_simulation
from simlab.halo.views import view
from simlab.lensing import specs as lensing_specs
from simlab.lensing.clusters import make_cluster
from simlab.lensing.config import DatasetConfig as LensingDataset
from simlab.lensing.curves import critical_curve
from simlab.lensing.lenses import make_lens
from simlab.lensing.render import render_raytrace
from simlab.lensing.roulette import roulette_map
from simlab.lensing.solver import apparent_position, image_positions
from simlab.lensing.sources import make_source
from simlab.lensing.stages.images import write_shard
from simlab.lensing.stages.parameters import write_parameters
from simlab.lensing.stages.preview import draw_preview
from simlab.lensing.stages.resimulations import write_resimulations
from simlab.ptycho.kinds import OBJECT_PARAMS
from simlab.ptycho.objects import TILE_KINDS, make_object
from simlab.ptycho.patches import extract_patches
from simlab.ptycho.probes import (
    fzp_probe,
    gaussian_probe,
    get_default_probe,
    incoherent_modes,
    zernike_probe,
)
from simlab.ptycho.scans import scan_positions

HERE = Path(__file__).parent
TEXTURE = HERE.parent / "resources" / "ptycho" / "texture.png"
DPI = 110
PHASE_KINDS = ("dead_leaves", "white_noise", "blurred_white_noise", "perlin")
PATCH, CENTER = figures.SERIES[1], figures.SERIES[2]


def center_pixel(path):
    """Where pixel [N//2, N//2] lies, and how a patch is cut at a fractional position."""
    n, (height, width), (x, y) = 8, (14, 18), (9.0, 6.0)
    with figures.styled():
        figure, axes = figures.grid_of_axes(1, 2, size=(11, 4.6), title="The center pixel")
        array, sample = axes[0]
        _pixels(array, (n, n), f"Probe, patch and pattern, N = {n}")
        array.add_patch(Rectangle((n // 2 - 0.5, n // 2 - 0.5), 1, 1, color=CENTER, lw=0))
        array.text(n // 2, n // 2, "4, 4", ha="center", va="center", color="white", fontsize=8)
        array.set_xlabel(
            "[N//2, N//2] carries the position (x, y), and zero frequency in a pattern"
        )

        _pixels(sample, (height, width), f"Object, patch at x = {x + 0.3:g}, y = {y + 0.6:g}")
        for dx, dy, style in ((0, 0, ":"), (0.3, 0.6, "-")):
            corner = x + dx - n // 2 - 0.5, y + dy - n // 2 - 0.5
            sample.add_patch(Rectangle(corner, n, n, fill=False, ec=PATCH, lw=1.8, ls=style))
        middle = x + 0.3, y + 0.6
        sample.add_patch(
            Rectangle((middle[0] - 0.5, middle[1] - 0.5), 1, 1, color=CENTER, alpha=0.5)
        )
        sample.plot(*middle, "o", color=CENTER, ms=4)
        sample.plot([9, 10, 9, 10], [6, 6, 7, 7], "x", color="black", ms=5)
        sample.set_xlabel(
            "dotted: patch at (9, 6); crosses: the 4 pixels that make the center pixel"
        )
        figures.save_png(figure, path, DPI)


def _pixels(axis, shape, title):
    rows, columns = shape
    axis.set_title(title)
    axis.set_aspect("equal")
    axis.set_xlim(-0.6, columns - 0.4)
    axis.set_ylim(rows - 0.4, -0.6)
    lines = {"color": "#bbbbbb", "lw": 0.6}
    axis.vlines(np.arange(columns + 1) - 0.5, -0.5, rows - 0.5, **lines)
    axis.hlines(np.arange(rows + 1) - 0.5, -0.5, columns - 0.5, **lines)
    axis.set_xticks(range(columns))
    axis.set_yticks(range(rows))
    axis.set_ylabel("row, y")


def interpolation(path):
    """Measured transfer of the three interpolations for waves, at half a pixel."""
    n, size, frequencies = 64, 128, np.linspace(0, 0.5, 26)
    column = np.arange(size)
    measured = {kind: [] for kind in ("bilinear", "fourier", "nearest")}
    window = np.hanning(n)
    for f in frequencies:
        wave = np.broadcast_to(np.exp(2j * np.pi * f * (column - size // 2)), (size, size))
        for kind, values in measured.items():
            patch = extract_patches(wave, [size // 2 + 0.5], [size // 2], n, subpixel=kind)[0]
            expected = np.exp(2j * np.pi * f * (np.arange(n) - n // 2 + 0.5))
            values.append(np.vdot(expected * window, patch[n // 2]) / window.sum())
    with figures.styled():
        figure, axes = figures.grid_of_axes(
            1, 2, size=(9, 3.6), title="Transfer at a shift of half a pixel"
        )
        for axis, part, title in (
            (axes[0, 0], np.abs, "amplitude"),
            (axes[0, 1], np.angle, "phase, radians"),
        ):
            for kind, style in (("bilinear", "o"), ("fourier", "s"), ("nearest", "^")):
                axis.plot(frequencies, part(np.array(measured[kind])), style, ms=4, label=kind)
            axis.set_title(title)
            axis.set_xlabel("spatial frequency f, cycles/px")
        smooth = np.linspace(0, 0.5, 200)
        axes[0, 0].plot(smooth, np.cos(np.pi * smooth), color="#555555", lw=1, label="cos(πf)")
        axes[0, 1].plot(smooth, -np.pi * smooth, color="#999999", lw=1, label="-πf")
        for axis in axes[0]:
            axis.legend(frameon=False, fontsize=8)
        figures.save_png(figure, path, DPI)


def objects(path):
    """One object of every built-in kind: its amplitude, or its phase where that says more."""
    title = "Built-in objects: amplitude, gray; phase, colored"
    with figures.styled():
        figure, axes = figures.grid_of_axes(3, 6, size=(12, 6.6), title=title)
        for axis in axes.ravel()[len(OBJECT_PARAMS) :]:
            axis.axis("off")
        for axis, kind in zip(axes.ravel(), OBJECT_PARAMS, strict=False):
            photograph = {"image": str(TEXTURE)} if kind in TILE_KINDS else {}
            side = 96 if kind in TILE_KINDS else 224
            phase = "source" if kind in PHASE_KINDS else "zero"
            values = make_object(kind, side, seed=1, phase=phase, **photograph)
            if kind in PHASE_KINDS:
                shown, cmap, limits = np.angle(values), figures.PHASE, None
            else:
                shown, cmap = np.abs(values), figures.AMPLITUDE
                limits = (0, shown.max())
            figures.show_map(axis, shown, title=kind, cmap=cmap, limits=limits, colorbar=False)
        figures.save_png(figure, path, DPI)


def probes(path):
    """Amplitude of the built-in probes, N = 64."""
    primary = get_default_probe(64, "c64", 1.5)
    modes = incoherent_modes(primary, 3, None, generator(4, "ptycho.probe", 0))
    shown = {
        "default, scale 0.7": get_default_probe(64, "c64", 0.7),
        "gaussian, sigma 8 px": gaussian_probe(64),
        "fzp, N = 128": fzp_probe(128, generator(1, "ptycho.probe", 0))[0],
        "zernike": zernike_probe(64, generator(1, "ptycho.probe", 0))[0],
        "modes, 1 of 3": modes[1],
        "modes, 2 of 3": modes[2],
    }
    with figures.styled():
        figure, axes = figures.grid_of_axes(
            1, 6, size=(12, 2.5), title="Built-in probes, amplitude"
        )
        for axis, (name, probe) in zip(axes[0], shown.items(), strict=True):
            figures.show_map(axis, np.abs(probe), title=name, colorbar=False)
        figures.save_png(figure, path, DPI)


def layouts(path):
    """Positions of the scan layouts on an object of 224 px."""
    options = {
        "uniform_random": {},
        "raster": {},
        "fixed_pitch_raster": {"pitch": 12},
        "jittered_grid": {},
        "full_frame": {},
        "spiral": {},
        "grid_groups": {"outer_offset": 60, "offset": 8},
    }
    with figures.styled():
        figure, axes = figures.grid_of_axes(
            2, 4, size=(11, 5.8), title="Scan layouts, 144 positions, N = 64, object of 224 px"
        )
        axes[-1, -1].axis("off")
        for axis, (layout, chosen) in zip(axes.ravel(), options.items(), strict=False):
            count = None if layout == "grid_groups" else 144
            x, y = scan_positions(layout, (224, 224), 64, count, seed=1, **chosen)
            axis.scatter(x, y, s=6, color=PATCH, lw=0)
            axis.set_title(layout)
            axis.set_aspect("equal")
            axis.set_xlim(0, 223)
            axis.set_ylim(223, 0)
        figures.save_png(figure, path, DPI)


def camels64(path):
    """Samples of the default campaign's halo maps, one halo of each simulation."""
    dataset = DatasetConfig(source={"kind": "synthetic"})
    table = ParameterTable(user_path(dataset.parameters.file))
    samples = []
    for sim, halo in ((0, 0), (2, 6), (1, 4)):
        made = synthesize_simulation(
            table.row(sim), n_grid=dataset.source.n_grid, seed=dataset.seed, sim=sim
        )
        heavy = np.flatnonzero(made.groups["Group_M_Crit200"] > dataset.haloes.mass_threshold)
        row = int(heavy[halo])
        center = made.groups["GroupPos"][row].astype(np.float64)[None]
        rotation = view(dataset.seed, sim, halo, row, 0)[0][None, None]

        def maps(positions, masses, scales, center=center, rotation=rotation):
            return project_multiscale((positions, masses), center, rotation, scales=scales)[0, 0]

        scales = dataset.maps.scales
        condition, *large_scale = maps(made.pos_dmo, made.mass_dmo, scales)
        target = [
            maps(made.pos_hdm, made.mass_hdm, scales[:1])[0],
            maps(made.pos_gas, made.mass_gas, scales[:1])[0],
            maps(made.pos_star, made.mass_star, scales[:1])[0],
        ]
        label = f"sim {sim} halo {halo}\n{made.groups['Group_M_Crit200'][row]:.2e} Msun/h"
        sample = {"condition": condition, "large_scale": large_scale, "target": target}
        samples.append((sample, label))
    sheet(path, samples, scales, "camels64, one sample of each simulation")


def periodic_images(path):
    """How often a particle is in the rotated cube, and what six face copies leave out."""
    side, n = 50.0, 48
    lattice = (np.indices((n,) * 3).reshape(3, -1).T + 0.5) * (side / n)
    rotation = random_rotation(3)
    center = np.full(3, side / 2)
    options = {"box_size": side, "npix": n, "rotation": rotation}
    with figures.styled():
        figure, axes = figures.grid_of_axes(
            1, 3, size=(11, 3.6), title="A uniform box, seen from a random direction"
        )
        for axis, mode in zip(axes[0], ("exact", "faces"), strict=False):
            field, _ = process_halo_with_full_periodic_tiling(
                lattice, 1.0, center, mode=mode, **options
            )
            share = field.sum(dtype=float) / n**3
            figures.show_map(
                axis,
                field.T[::-1] / n,
                title=f"{mode}: {share:.3f} of the box",
                cmap=figures.AMPLITUDE,
                limits=(0.6, 1.1),
            )
        axis, distance = axes[0, 2], np.linspace(0, 0.5, 201)
        for name, direction in (
            ("to a face", (1, 0, 0)),
            ("to an edge", (1, 1, 0)),
            ("to a corner", (1, 1, 1)),
        ):
            d = distance[:, None] * np.array(direction)
            axis.plot(np.abs(d).max(axis=1), mean_images(d), label=name)
        axis.set_xlabel("largest component of d, L")
        axis.set_title("mean number of images w(d)")
        axis.legend(frameon=False, fontsize=8)
        figures.save_png(figure, path, DPI)


def mean_images(d):
    """w(d) of offsets d (N, 3) from the center, in units of the side of the box."""
    shifts = np.indices((3, 3, 3)).reshape(3, -1).T - 1
    radii = np.sqrt(((d[:, None] + shifts) ** 2).sum(axis=-1))
    return share_in_cube(radii).sum(axis=1)


def share_in_cube(radius):
    """Share of a sphere about the center of the unit cube that lies inside it, numerically."""
    z = (np.arange(400) + 0.5) / 400  # cosine of the polar angle
    nodes = np.linspace(0.5, np.sqrt(0.75), 200)
    height = nodes[:, None] * z
    across = nodes[:, None] * np.sqrt(1 - z**2)
    # of the circle of radius `across`, what lies inside the square of side 1
    outside = np.arccos(np.minimum(0.5 / np.maximum(across, 0.5), 1))
    inside = np.clip(1 - 4 / np.pi * outside, 0, 1)
    share = np.where(height <= 0.5, inside, 0).mean(axis=1)
    return np.interp(radius, nodes, share, left=1, right=0)


CRITICAL, IMAGE = figures.OUTLINE, figures.MARK


def _plane(axis, half):
    axis.set_xlim(-half, half)
    axis.set_ylim(-half, half)
    axis.set_xticks([-half, 0, half])
    axis.set_yticks([-half, 0, half])


def _extent(n):
    return -n / 2 - 0.5, n / 2 - 0.5, -n / 2 + 0.5, n / 2 + 0.5


def _curves(lens):
    found = critical_curve(lens, 360)
    return [list(c) if isinstance(c, list) else [np.append(c, c[:1])] for c in found]


def lenses(path):
    """One galaxy behind every kind of lens, with critical curve, caustic and images."""
    n, eta = 160, 6 + 2.5j
    source = make_source("Ellipsoid", sigma=5, sigma2=3, theta_deg=20)
    sie = make_lens("SIE", einstein_radius=32, ratio=0.6, orientation_deg=30)
    pair = [("SIS", 20, -22, -4), ("SIS", 14, 24, 10)]
    shown = {
        "PM, g = 32": make_lens("PM", einstein_radius=32),
        "SIS, g = 32": make_lens("SIS", einstein_radius=32),
        "SIE, g = 32, f = 0.6, t = 30°": sie,
        "SIE and shear 0.1": make_cluster([sie, make_lens("Shear", gamma1=0.1)]),
        "NFW": make_lens("NFW", kappa_s=0.5, scale_radius=60),
        "two SIS, g = 20, 14": make_cluster(
            [make_lens(kind, einstein_radius=g, x=x, y=y) for kind, g, x, y in pair]
        ),
    }
    title = "Lenses: pictures with critical curves (blue) and images (red); caustics and the source"
    with figures.styled():
        figure, axes = figures.grid_of_axes(2, 6, size=(14, 5.4), title=title)
        for (image, plane), (name, lens) in zip(axes.T, shown.items(), strict=True):
            picture = render_raytrace(lens, source, eta, n)
            drawn = figures.show_map(
                image, picture, title=name, cmap=figures.AMPLITUDE, colorbar=False
            )
            drawn.set_extent(_extent(n))
            critical, caustic = _curves(lens)
            for line in critical:
                image.plot(line.real, line.imag, color=CRITICAL, lw=1)
            for one in image_positions(lens, eta):
                image.plot(one.x, one.y, "+", color=IMAGE, ms=7)
            _plane(image, n // 2)
            for line in caustic:
                plane.plot(line.real, line.imag, color="#0277bd", lw=1)
                if np.ptp(line.real) < 1e-6:
                    plane.plot(line.real[0], line.imag[0], ".", color="#0277bd")
            plane.plot(eta.real, eta.imag, "o", color=IMAGE, ms=4)
            plane.set_aspect("equal")
            _plane(plane, 30)
            plane.set_xlabel("source plane, px")
        figures.save_png(figure, path, DPI)


def convergence(path):
    """Error of truncated series, and the region in which more terms help."""
    n, eta = 180, 25 + 15j
    sie = make_lens("SIE", einstein_radius=40, ratio=0.5)
    pair = make_cluster([make_lens("SIS", einstein_radius=25, x=x) for x in (-20, 20)])
    x = np.arange(n) - n / 2
    zeta = x[None, :] - 1j * x[:, None]
    title = "Error of the roulette series of order N about the apparent position (cross), px"
    with figures.styled():
        figure, axes = figures.grid_of_axes(2, 3, size=(11, 6.6), title=title)
        for row, (name, lens) in zip(axes, (("SIE", sie), ("two SIS", pair)), strict=True):
            xi = apparent_position(lens, eta)
            phi = np.linspace(0, 2 * np.pi, 361)
            edge = lens.region(xi).radius(phi) * np.exp(1j * phi)
            exact = zeta - lens.deflection(xi + zeta) + lens.deflection(xi)
            for axis, order in zip(row, (5, 16, 50), strict=True):
                error = np.abs(roulette_map(lens.amplitudes(xi, order), zeta) - exact)
                drawn = figures.show_map(
                    axis,
                    np.log10(np.maximum(error, 1e-12)),
                    title=f"{name}, N = {order}",
                    unit="lg error",
                    limits=(-6, 2),
                    colorbar=axis is row[-1],
                )
                drawn.set_extent(_extent(n))
                axis.plot(0, 0, "+", color="white", ms=8)
                axis.plot(edge.real, edge.imag, color="white", lw=1.4)
                disc = abs(xi) * np.exp(1j * phi)
                axis.plot(disc.real, disc.imag, color="white", lw=1, ls=":")
                _plane(axis, n // 2)
        figures.save_png(figure, path, DPI)


def roulette_mixed(path):
    """The first rows of the data set roulette-mixed of the default campaign."""
    mixed = read_yaml(HERE.parent / "config" / "config.yaml")["lensing"]["datasets"]
    dataset = LensingDataset.model_validate(mixed["roulette-mixed"])
    spec = lensing_specs.pictures_spec(dataset)
    with TemporaryDirectory() as folder:
        parameters, csv, npz, h5, resim = (
            Path(folder) / name for name in ("p.csv", "a.csv", "s.npz", "i.h5", "r.h5")
        )
        write_parameters(lensing_specs.parameters_spec(dataset), parameters)
        images_spec = lensing_specs.images_spec(dataset)
        write_shard(images_spec, (0, 4), parameters, h5, csv, npz, code="")
        write_resimulations(spec, csv, h5, resim, code="")
        draw_preview("roulette-mixed", spec, csv, h5, resim, path)


FIGURES = {
    "center_pixel.png": center_pixel,
    "interpolation.png": interpolation,
    "objects.png": objects,
    "probes.png": probes,
    "layouts.png": layouts,
    "camels64.png": camels64,
    "periodic_images.png": periodic_images,
    "lenses.png": lenses,
    "convergence.png": convergence,
    "roulette_mixed.png": roulette_mixed,
    "house.svg": house,
}

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "images"
    for name, draw in FIGURES.items():
        draw(folder / name)
