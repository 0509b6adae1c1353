"""Force fields on regions of their grids, computed on an OpenCL device."""

from typing import NamedTuple

import numpy as np

from simlab.afm.kernels.opencl_launch import Launch, split
from simlab.afm.kernels.parts import (
    AtomsPart,
    DispersionPart,
    GradientPart,
    HostPart,
    ShiftedPart,
)

POINTS = 128
"""Most points along z of a work-group of `ff_lj_pc`."""

COLUMNS = {False: 8, True: 4}
GROUPS = {False: (1, 16, 1), True: (32, 4, 1)}
POINT_GROUPS = {False: (32, 1, 1), True: (32, 4, 1)}
"""Work-groups on devices that are (True) and are not GPUs."""

POINT_BYTES = 16


class Region(NamedTuple):
    """A part of the grid of a field, and where its points go.

    Attributes
    ----------
    parts : list
        Of `kernels.parts`.
    steps : (3, 3) float64
        Rows are the grid steps, Å.
    box : (3,) int
        Points of the periodic box.
    start, shape : (3,) int
        First grid index, which may lie outside of the box; points along each axis.
    columns : bool (sx, sy) or None
        Where False, a column need not be computed.
    out : int
        First point in the buffer that is written.
    """

    parts: list
    steps: np.ndarray
    box: tuple
    start: np.ndarray
    shape: np.ndarray
    columns: np.ndarray | None
    out: int

    @property
    def indices(self):
        """Wrapped grid indices along the three axes."""
        return [
            (int(first) + np.arange(int(n))) % size
            for first, n, size in zip(self.start, self.shape, self.box, strict=True)
        ]

    def entry(self, number, length=None, offset=0):
        """Members of the structure that all kernels read; `length` points from `offset` on."""
        nx, ny, nz = (int(n) for n in self.shape)
        return {
            "out": self.out + offset,
            "nx": nx,
            "ny": ny,
            "nz": nz if length is None else length,
            "row": nz,
            "plane": ny * nz,
            "mask": -1,
            "add": int(number > 0),
        }


class Forces:
    """Computes regions of force fields.

    Parameters
    ----------
    device : opencl.Device
    """

    def __init__(self, device):
        self._device = device

    def fill(self, regions, out, energy):
        """Compute regions into buffer `out`; one launch for each kind of part.

        Parameters
        ----------
        regions : list of Region
        out : buffer of float4
        energy : bool
            Whether the energies are wanted; they may be 0 otherwise.
        """
        for number in range(max(len(region.parts) for region in regions)):
            kinds = {}
            for region in regions:
                if number < len(region.parts):
                    kinds.setdefault(_kind(region.parts[number]), []).append(region)
            for (name, *options), those in kinds.items():
                getattr(self, f"_{name}")(those, number, out, energy, *options)

    def _host(self, regions, number, out, energy):
        for region in regions:
            values = region.parts[number].fill(region.start, tuple(int(n) for n in region.shape))
            self._device.write(out, np.ascontiguousarray(values), POINT_BYTES * region.out)

    def _whole_steps(self, regions, number, out, energy):
        """Atoms, where tip charges sit whole steps apart."""
        device, launch = self._device, Launch(self._device)
        runs = [(region, region.parts[number], *run) for region in regions for run in _runs(region)]
        reaches = [_reach(part) for _, part, *_ in runs]
        needed = max(
            length + low + high for (*_, length), (low, high) in zip(runs, reaches, strict=True)
        )
        group = -(-min(POINTS, needed) // device.lanes)
        points, groups = group * device.lanes, 0
        for (region, part, offset, first, length), (low, high) in zip(runs, reaches, strict=True):
            chunk = points - low - high
            own = -(-length // chunk)
            groups = max(groups, own)
            x, y, _ = region.indices
            z = first - low + np.arange((own - 1) * chunk + points)
            launch.add(
                region.entry(number, length, offset),
                region.columns,
                [axis * region.steps[c, c] for c, axis in enumerate((x, y, z))],
                _atoms(part.xyzs, part.parameters, part.charges),
                (part.shifts, part.tip_charges),
                reach=low + high,
                below=low,
            )
        columns = COLUMNS[device.is_gpu]
        launch.run(
            "ff_lj_pc",
            groups * group,
            (group, columns, 1),
            lambda b: (b.axes, b.atoms, b.tips(np.int32), b.tip_charges, b.columns),
            (np.int32(energy), out, device.local_floats(4 * points * columns)),
        )

    def _atoms(self, regions, number, out, energy, morse):
        """Atoms of any kind."""
        device, launch = self._device, Launch(self._device)
        for region in regions:
            part = region.parts[number]
            for offset, first, length in _runs(region):
                x, y, _ = region.indices
                z = first + np.arange(-(-length // device.lanes) * device.lanes)
                axes = [(axis[:, None] * region.steps[c]).T for c, axis in enumerate((x, y, z))]
                atoms = _atoms(part.xyzs, part.parameters, part.charges)
                tips = part.heights, part.tip_charges
                entry = region.entry(number, length, offset)
                launch.add(entry, region.columns, axes, atoms, tips)
        launch.run(
            "ff_atoms",
            launch.vectors,
            GROUPS[device.is_gpu],
            lambda b: (b.axes, b.atoms, b.tips(np.float32), b.tip_charges, b.columns),
            (np.int32(morse), out),
        )

    def _dispersion(self, regions, number, out, energy):
        device, launch = self._device, Launch(self._device)
        for region in regions:
            part = region.parts[number]
            x, y, z = region.indices
            z = np.pad(z, (0, -len(z) % device.lanes), mode="edge")
            coefficients = np.zeros((len(part.xyzs), 4), np.float32)
            coefficients[:, : part.coefficients.shape[1]] = part.coefficients
            launch.add(
                region.entry(number),
                region.columns,
                [axis * region.steps[c, c] for c, axis in enumerate((x, y, z))],
                _atoms(part.xyzs, coefficients[:, :3], coefficients[:, 3]),
                kind=part.damp,
            )
        launch.run(
            "ff_dispersion",
            launch.vectors,
            GROUPS[device.is_gpu],
            lambda b: (b.axes, b.atoms, b.columns),
            (out,),
        )

    def _gradient(self, regions, number, out, energy):
        parts = [region.parts[number] for region in regions]
        entries = [region.entry(number) for region in regions]
        self._gradients(regions, parts, entries, out)

    def _gradients(self, regions, parts, entries, out):
        device, launch = self._device, Launch(self._device)
        energies, scale, size = [], [], 0
        for region, part, entry in zip(regions, parts, entries, strict=True):
            wide = region._replace(start=np.asarray(region.start) - 1, shape=region.shape + 2)
            values = part.energy[np.ix_(*wide.indices)]
            launch.add(entry, region.columns, data=size)
            energies.append(values.ravel())
            scale.append(part.scale)
            size += values.size
        buffers = [
            device.upload("energies", np.concatenate(energies)),
            device.upload("scale", np.concatenate(scale), np.float32),
        ]
        launch.run(
            "ff_gradient",
            launch.points,
            POINT_GROUPS[device.is_gpu],
            lambda b: (*buffers, b.columns),
            (out,),
        )

    def _shifted(self, regions, number, out, energy):
        """Tip charges in the field of a potential, one region after the other."""
        device, group = self._device, POINT_GROUPS[self._device.is_gpu]
        for region in regions:
            part = region.parts[number]
            if not part.charges.size:
                continue
            low, high = int(part.cells.min()), int(part.cells.max()) + 1
            planes = region._replace(
                start=region.start + np.array([0, 0, low]),
                shape=region.shape + np.array([0, 0, high - low]),
                out=0,
            )
            field = device.space("planes", POINT_BYTES * int(np.prod(planes.shape)))
            if part.gradient is not None:
                self._gradients([planes], [part.gradient], [planes.entry(0)], field)
            else:
                self._potential(planes, part, field)
            launch = Launch(device)
            launch.add(region.entry(number), region.columns, data=high - low)
            nx, ny, nz = (int(n) for n in region.shape)
            launch.run_one(
                "ff_shifted",
                (nz, ny, nx),
                group,
                lambda b, part=part, low=low, field=field: (
                    field,
                    np.int32(part.charges.size),
                    device.upload("cells", part.cells - low, np.int32),
                    device.upload("offsets", part.offsets, np.float32),
                    device.upload("charges", part.charges, np.float32),
                    b.columns,
                ),
                (out,),
            )

    def _potential(self, region, part, out):
        device, launch = self._device, Launch(self._device)
        launch.add(region.entry(0), region.columns)
        origin, steps = part.frame
        places = [axis[:, None] * steps[c] for c, axis in enumerate(region.indices)]
        places[0] = places[0] + origin
        places = np.concatenate(places)
        cells = np.floor(places)
        frame = np.concatenate([part.shifts.ravel(), part.turn.ravel(), [part.scale]])
        shape = np.array([*part.potential.shape, 0], np.int32)
        nx, ny, nz = (int(n) for n in region.shape)
        launch.run_one(
            "ff_potential",
            (nz, ny, nx),
            POINT_GROUPS[device.is_gpu],
            lambda b: (
                device.upload("potential", part.potential, np.float32),
                shape,
                device.upload("cells", cells % part.potential.shape, np.int32),
                device.upload("fractions", places - cells, np.float32),
                device.upload("frame", frame, np.float32),
                b.columns,
            ),
            (out,),
        )


def _kind(part):
    """Name of the method for a part, and what all parts of a launch must share."""
    if isinstance(part, AtomsPart):
        return ("whole_steps",) if part.shifts is not None else ("atoms", part.morse)
    names = {
        DispersionPart: "dispersion",
        GradientPart: "gradient",
        ShiftedPart: "shifted",
        HostPart: "host",
    }
    return (names[type(part)],)


def _runs(region):
    """(offset, wrapped first index, length) of the pieces along z that stay contiguous."""
    n, offset, size = int(region.box[2]), 0, int(region.shape[2])
    while offset < size:
        first = (int(region.start[2]) + offset) % n
        length = min(size - offset, n - first)
        yield offset, first, length
        offset += length


def _reach(part):
    """Points by which the tip charges reach below and above."""
    return -min(0, part.shifts.min(initial=0)), max(0, part.shifts.max(initial=0))


def _atoms(xyzs, parameters, charges):
    """Rows of the kernels: place, high and low, three parameters, charge; float32 (n, 10)."""
    high, low = split(xyzs)
    return np.column_stack([high, low, parameters, charges]).astype(np.float32)
