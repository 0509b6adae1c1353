"""The forward model, streamed: positions -> patches -> exit waves -> FFT -> photons -> frames."""

import math
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError, InputFileError, PhysicsError
from simlab.ptycho.config import DetectorConfig, DoseRange
from simlab.ptycho.detector import statistics_tables, valid_pixels
from simlab.ptycho.inputs import as_square, whole_number
from simlab.ptycho.kernels import detection, gather
from simlab.ptycho.kernels.counter import LARGEST_RATE
from simlab.ptycho.patches import PatchSource, as_stack
from simlab.ptycho.photons import detector_key, drawn_doses
from simlab.ptycho.propagation import Propagator

BATCH_PIXELS = 2**17
"""Complex pixels (8 bytes) of a batch of waves: they stay in the second-level cache."""


@dataclass(frozen=True)
class Block:
    """Consecutive frames `start` <= i < `stop` of one call of `ForwardModel.frames`.

    diff3d : float32, uint16 or uint32 (m, N, N), stored measurement.
    patches : complex64 (m, N, N) or None.
    frame_scale, dose : float64 (m,), s_j and photons of each frame; None if the dose is the same.
    statistics : dict of per-frame arrays, see `ForwardModel.frames`; None if not asked for.
    """

    start: int
    stop: int
    diff3d: np.ndarray
    patches: np.ndarray | None
    frame_scale: np.ndarray | None
    dose: np.ndarray | None
    statistics: dict | None


class ForwardModel:
    """Everything between scan positions and recorded frames, prepared once for any frames.

    Frames are addressed by their global number, so the result is the same bits for every batch,
    number of threads and cut of the frames into calls. `detector_mask` is uint8 (N, N), 1 = valid,
    or None if all pixels are valid; `device` says who computes.

    Parameters
    ----------
    object_guess : complex64 (H, W) or (K, H, W)
        Object or objects.
    probe_guess : complex64 (N, N) or (P, N, N)
        Probe, or mutually incoherent modes, whose intensities add.
    seed : int
        Seed of the data set; keys the detector stream.
    nphotons : float
        Mean photons per pattern; used where the dose is per_pattern.
    detector : DetectorConfig or mapping
        Detector; its `nphotons` and `mask_file` are the caller's business.
    mask : (N, N), optional
        0 = invalid pixel, zero frequency at [N//2, N//2].
    subpixel : {"bilinear", "nearest", "fourier"}
        See `patches.PatchSource`.
    measurement : str
        What frames hold: normalized_amplitude sqrt(n)/s, count_intensity n, count_amplitude
        sqrt(n), intensity n/s^2.
    counts_dtype : {"uint32", "uint16"}
        Type of count_intensity; without Poisson noise n is an expectation, stored as float32.
    fft : {"scipy", "fftw"}
        fftw is faster, but its bits may differ between machines.
    backend : {"numba", "opencl"}
        Who computes the frames.
    """

    def __init__(
        self,
        object_guess,
        probe_guess,
        *,
        seed,
        nphotons,
        detector=None,
        mask=None,
        subpixel="bilinear",
        measurement="normalized_amplitude",
        counts_dtype="uint32",
        fft="scipy",
        backend="numba",
    ):
        probes = as_square(probe_guess, "probe_guess")
        n = probes.shape[-1]
        probes = probes.reshape(-1, n, n)
        if n % 2:
            raise InputFileError(f"probe_guess has side {n}, it must be even")
        for name, value, known in (
            ("measurement", measurement, detection.MEASUREMENTS),
            ("counts_dtype", counts_dtype, ("uint16", "uint32")),
            ("fft", fft, ("scipy", "fftw")),
            ("backend", backend, ("numba", "opencl")),
        ):
            if value not in known:
                raise ConfigError(f"{name} is {value!r}, it must be one of {', '.join(known)}")
        self._detector = parse_config(DetectorConfig, detector or {}, "detector")
        self._nphotons = float(nphotons)
        self._seed = seed
        self._key = detector_key(seed)
        self._source = PatchSource(as_stack(object_guess, "object_guess"), n, subpixel)
        self._real = np.ascontiguousarray(probes.real)
        self._imaginary = np.ascontiguousarray(probes.imag)
        self._fft = fft
        self._measurement = detection.MEASUREMENTS[measurement]
        counts = measurement == "count_intensity" and self._detector.poisson
        self._stored_type = np.dtype(counts_dtype if counts else np.float32)
        self.detector_mask = valid_pixels(n, self._detector, mask)
        self._tables = statistics_tables(n)
        self._pixels_in_ring = np.bincount(self._tables.rings)[:-1]
        self._opencl = None
        self.device = {"backend": backend, "fft": fft, "device": None, "driver": None}
        if backend == "opencl":
            from simlab.ptycho.kernels.opencl import FrameDevice

            self._opencl = FrameDevice(self._source, self._real, self._imaginary)
            self.device = self._opencl.description

    def power(self, x, y, object_index=None):
        """Power of the exit waves, sum over pixels and modes of |psi|^2, float64 (m,)."""
        located = self._source.locate(x, y, object_index)
        power = np.empty(len(located[0]))
        if self._source.subpixel != "fourier":
            gather.gather_power(self._source.planes, *located, self._real, self._imaginary, power)
            return power
        step = self._batch_size(None)
        propagator = self._on_cpu(step)
        for a, b in _ranges(power.size, step):
            waves = propagator.waves(tuple(v[a:b] for v in located), self._new_patches(b - a))
            gather.wave_power(waves, power[a:b])
        return power

    def expected(self, x, y, object_index=None):
        """Noise-free intensity A^2 = sum_k |FFT(psi_k)|^2 / N^2, float64 (m, N, N).

        Zero frequency at [N//2, N//2]; s^2 times it is the expected number of photons.
        """
        located = self._source.locate(x, y, object_index)
        n = self._source.N
        intensity = np.empty((len(located[0]), n, n))
        step = self._batch_size(None)
        propagator = self._propagator(step)
        for a, b in _ranges(len(intensity), step):
            fields = propagator.fields(tuple(v[a:b] for v in located), self._new_patches(b - a))
            detection.stored_intensities(fields, 1.0 / (n * n), intensity[a:b])
        return intensity

    def frames(
        self,
        x,
        y,
        *,
        intensity_scale,
        mean_power,
        first_frame,
        object_index=None,
        store_patches=True,
        statistics=True,
        threads=1,
        batch=None,
        into=None,
    ):
        """Recorded frames in order, as an iterator of `Block`.

        Parameters
        ----------
        x, y : (M,)
            Scan positions, object px.
        intensity_scale : float
            s: amplitude times s is the square root of the expected photons.
        mean_power : float
            Mean exit-wave power of the whole data set; used by dose: {range: ...}.
        first_frame : int
            Global number of frame 0 of this call.
        object_index : int (M,), optional
            Object of each frame; zeros by default.
        store_patches, statistics : bool
            Whether blocks carry them. Statistics are those of the stored measurement (sum, sum_sq,
            min, max, zeros, saturated), of the counts (counts_sum, counts_sum_sq, radial (m, N//2)
            = mean counts in rings), patch_max = max |patch| and histogram int32 (m, 256).
        threads, batch : int
            Threads, and frames a block (None: as fit the cache); they never change a bit.
        into : (diff3d, patches), optional
            Arrays (M, N, N) to write into, so that blocks are views of them; patches may be None.

        Raises
        ------
        PhysicsError
            A frame without energy (dose: per_pattern), an expectation above 4.2e9, a count that
            does not fit.
        """
        if not (math.isfinite(intensity_scale) and intensity_scale > 0):
            raise PhysicsError(f"intensity_scale is {intensity_scale}, it must be > 0 and finite")
        first_frame = whole_number(first_frame, "first_frame", 0)
        threads = whole_number(threads, "threads", 1)
        if batch is not None:
            batch = whole_number(batch, "batch", 1)
        located = self._source.locate(x, y, object_index)
        scales, doses = self._scales(
            x, y, object_index, float(intensity_scale), mean_power, first_frame
        )
        step = self._batch_size(batch)
        own = threading.local()

        def block(a, b):
            if not hasattr(own, "propagator"):
                own.propagator = self._propagator(step)
            place = tuple(v[a:b] for v in located)
            patches = self._new_patches(b - a)
            if into is not None and into[1] is not None:
                patches = into[1][a:b]
            diff3d = self._new_frames(b - a) if into is None else into[0][a:b]
            results = self._new_results(b - a, statistics)
            self._detect(
                own.propagator, place, patches, first_frame + a, scales[a:b], diff3d, results
            )
            return Block(
                start=a,
                stop=b,
                diff3d=diff3d,
                patches=patches if store_patches else None,
                frame_scale=None if doses is None else scales[a:b],
                dose=None if doses is None else doses[a:b],
                statistics=self._statistics(results, patches) if statistics else None,
            )

        ranges = _ranges(len(located[0]), step)
        if threads <= 1 or self._opencl is not None:
            return (block(a, b) for a, b in ranges)
        return _in_order(block, ranges, threads)

    def _detect(self, propagator, located, patches, first, scales, diff3d, results):
        stored = diff3d.reshape(len(diff3d), -1)
        rules = self._rules()
        if propagator.counts_photons:
            counts = propagator.counts(located, patches, self._key, first, rules, scales)
            unusable = np.flatnonzero(~(counts >= 0))
            if unusable.size:
                frame, pixel = divmod(int(unusable[0]), counts.shape[1])
                rate = -counts[frame, pixel]
                raise_problem(detection.BAD_RATE, first + frame, pixel, rate, self._source.N)
            report = detection.record_frames(
                counts, self._key, first, rules, scales, stored, self._tables, results
            )
        else:
            fields = propagator.fields(located, patches)
            report = detection.detect_frames(
                fields, self._key, first, rules, scales, stored, self._tables, results
            )
        problem, frame, pixel, value = report
        if problem != detection.FINE:
            raise_problem(problem, first + frame, pixel, value, self._source.N, self._stored_type)

    def _scales(self, x, y, object_index, scale, mean_power, first_frame):
        """s of every frame, and its dose (photons) or None if that is the same for all."""
        dose, count = self._detector.dose, np.size(x)
        if dose == "mean":
            return np.full(count, scale), None
        if isinstance(dose, DoseRange):
            frames = range(first_frame, first_frame + count)
            doses = drawn_doses(self._seed, dose.range, frames, self._source.N)
            return np.sqrt(doses / mean_power), doses
        power = self.power(x, y, object_index)
        dark = np.flatnonzero(~(power > 0))
        if dark.size:
            raise PhysicsError(
                f"frame {first_frame + dark[0]} has no energy: dose: per_pattern cannot scale it"
            )
        return np.sqrt(self._nphotons / power), np.full(count, self._nphotons)

    def _rules(self):
        detector, mask = self._detector, self.detector_mask
        saturation = detector.saturation
        if self._stored_type.kind == "u":
            largest = float(np.iinfo(self._stored_type).max)
        else:
            largest = math.inf
        return detection.Detector(
            poisson=detector.poisson,
            background=detector.background,
            readout_sigma=detector.gaussian_sigma,
            saturation=math.inf if saturation is None else saturation,
            masked=mask is not None,
            valid=np.empty(0, np.uint8) if mask is None else mask.ravel(),
            measurement=self._measurement,
            largest_count=largest,
        )

    def _statistics(self, results, patches):
        patch_max = np.empty(len(patches))
        gather.largest_modulus(patches.view(np.float32), patch_max)
        named = {name: results.sums[:, i].copy() for i, name in enumerate(detection.SUMS)}
        named["zeros"] = named["zeros"].astype(np.int64)
        return named | {
            "saturated": results.saturated,
            "patch_max": patch_max,
            "radial": results.radial[:, :-1] / self._pixels_in_ring,
            "histogram": results.histogram,
        }

    def _batch_size(self, batch):
        return batch or max(1, BATCH_PIXELS // self._real.size)

    def _propagator(self, frames):
        return self._opencl or self._on_cpu(frames)

    def _on_cpu(self, frames):
        return Propagator(self._source, self._real, self._imaginary, frames, self._fft)

    def _new_patches(self, frames):
        return np.empty((frames, self._source.N, self._source.N), np.complex64)

    def _new_frames(self, frames):
        return np.empty((frames, self._source.N, self._source.N), self._stored_type)

    def _new_results(self, frames, wanted):
        return detection.Results(
            wanted=wanted,
            saturated=np.zeros(frames, np.int64),
            sums=np.empty((frames, len(detection.SUMS))),
            radial=np.empty((frames, self._source.N // 2 + 1)),
            histogram=np.empty((frames, detection.BINS), np.int32),
        )


def _ranges(count, step):
    return [(a, min(a + step, count)) for a in range(0, count, step)]


def _in_order(block, ranges, threads):
    """Blocks computed by a pool of threads, in order, at most two waiting beyond the threads."""
    with ThreadPoolExecutor(threads) as pool:
        pending = deque()
        try:
            for a, b in ranges:
                pending.append(pool.submit(block, a, b))
                if len(pending) > threads + 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def raise_problem(problem, frame, pixel, value, side, stored_type=None):
    """PhysicsError for what a detection kernel reports about `pixel` (flat) of `frame`."""
    where = f"frame {frame}, pixel ({pixel // side}, {pixel % side})"
    if problem == detection.BAD_COUNT:
        raise PhysicsError(
            f"{where}: the count {value:.0f} does not fit {stored_type}; "
            "use counts_dtype: uint32, a saturation, or a smaller nphotons"
        )
    remedy = "; use a smaller nphotons" if value > LARGEST_RATE else ""
    raise PhysicsError(
        f"{where}: the expected count {value:.6g} is not between 0 and {LARGEST_RATE:.3g}{remedy}"
    )
