"""The image sensor: counts of frames, with noise that belongs to pixel and frame."""

import numpy as np

from simlab.calcium.errors import SpecError
from simlab.calcium.extensions import exposure
from simlab.calcium.kernels import frames as kernels
from simlab.calcium.kernels.noise import round_keys
from simlab.calcium.noise import noise_key
from simlab.core.threads import over_items

ROWS_AT_A_TIME = 64


class Digitizer:
    """Sensor of one recording in counter mode; its constants are rounded to float32 once.

    Parameters
    ----------
    spec : Spec
        With a sensor step, else SpecError.

    Attributes
    ----------
    keys : uint32 (10, 2)
        Round keys of the noise.
    photons : float32 (T,)
        Photons per unit of intensity in each frame.
    constants : float32 (4,)
        Quantum efficiency, squared read noise, gain, largest count.
    dtype : numpy.dtype
        Of the counts.
    poisson : bool
        Whether shot noise is Poisson.
    """

    def __init__(self, spec):
        step = spec.step("sensor")
        if step is None:
            raise SpecError("counts need a sensor step, and the specification has none")
        sensor, ext = spec.acquisition.image_sensor, spec.extensions
        factor = exposure(ext.segments, spec.acquisition.n_frames)
        self.keys = round_keys(noise_key(spec.seed))
        self.photons = (step.photons_per_unit * factor).astype(np.float32)
        self.constants = np.array(
            [
                sensor.quantum_efficiency,
                sensor.read_noise_e**2,
                sensor.gain_adu_per_e,
                sensor.max_count,
            ],
            np.float32,
        )
        self.dtype = sensor.count_dtype
        self.poisson = ext.shot_noise == "poisson"
        self._read_noise = float(sensor.read_noise_e)

    def digitize(self, clean, t0, counts):
        """Write `counts` (F, H, W) of consecutive frames, the first being number t0.

        clean: float32 (F, H, W), intensity after leakage. Gaussian noise:
        floor((lam + sqrt(lam + read_noise^2) z) gain), clipped, lam = clean * photons * QE;
        Poisson noise: floor((k + read_noise z) gain), clipped, k ~ Poisson(lam).
        """
        photons = self.photons[t0 : t0 + len(clean)]

        def rows(first, last):
            common = first, last, clean, t0, self.keys, photons, self.constants
            if self.poisson:
                kernels.digitize_poisson(*common, self._read_noise, counts)
            else:
                kernels.digitize(*common, counts)

        over_items(rows, clean.shape[0] * clean.shape[1], ROWS_AT_A_TIME)


class SequentialDigitizer:
    """Sensor whose noise comes from one stream in the order of frames, in float64.

    Parameters
    ----------
    spec : Spec
        With a sensor step.
    rng_state : dict
        State of the PCG64 generator before frame 0.

    Attributes
    ----------
    dtype : numpy.dtype
        Of the counts.
    """

    def __init__(self, spec, rng_state):
        step, n_frames = spec.step("sensor"), spec.acquisition.n_frames
        self._sensor = spec.acquisition.image_sensor
        self.dtype = self._sensor.count_dtype
        self._photons = step.photons_per_unit * exposure(spec.extensions.segments, n_frames)
        self._state = rng_state
        self._rewind()

    def _rewind(self):
        self._rng = np.random.Generator(np.random.PCG64())
        self._rng.bit_generator.state = self._state
        self._next = 0

    def digitize(self, clean, t0, counts):
        """Write `counts` (F, H, W) of `clean` frames, the first being number t0.

        The noise of frames that were left out is drawn and thrown away.
        """
        if t0 < self._next:
            self._rewind()
        while self._next < t0:
            self._rng.standard_normal(clean.shape[1:])
            self._next += 1
        for frame, made in zip(clean, counts, strict=True):
            photons = frame.astype(np.float64) * self._photons[self._next]
            made[:] = self._sensor.photons_to_counts(photons, self._rng)
            self._next += 1


def digitize(intensity, frame, spec):
    """Counts of one frame in counter mode.

    Parameters
    ----------
    intensity : float32 (H, W)
        The frame after leakage, intensity units.
    frame : int
        Its number, which picks the noise.
    spec : Spec
        With a sensor step.

    Returns
    -------
    uint8 or uint16 (H, W)

    Raises
    ------
    SpecError
        If the frame has another size or the recording no such frame, or without a sensor step.
    """
    shape = np.shape(intensity)
    if shape != spec.acquisition.fov_shape:
        raise SpecError(f"intensity is {shape} px, the sensor has {spec.acquisition.fov_shape}")
    if not 0 <= frame < spec.acquisition.n_frames:
        raise SpecError(f"frame is {frame}, the recording has {spec.acquisition.n_frames} frames")
    clean = np.ascontiguousarray(intensity, np.float32)[np.newaxis]
    digitizer = Digitizer(spec)
    counts = np.empty(clean.shape, digitizer.dtype)
    digitizer.digitize(clean, frame, counts)
    return counts[0]
