"""The instrument and the tissue of a recording: validated numbers and the closed forms they imply.

Equations of Gaussian one-photon imaging: blurs add in quadrature, light falls off along both
passes through scattering tissue, and a lens of aperture NA collects light in proportion to NA^2.
All functions take scalars or arrays.
"""

import math
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from simlab.core.config import Section

Auto = Literal["auto"]


class Optics(Section):
    """The objective: aperture, magnification, color and shape of its focal surface."""

    na: float = Field(0.45, gt=0, description="Numerical aperture of the objective")
    magnification: float = Field(
        8.0, gt=0, description="Lengths on the sensor over lengths in the object"
    )
    emission_nm: float = Field(525.0, gt=0, description="Wavelength of the emitted light, nm")
    depth_of_field_um: float | Auto = Field(
        "auto",
        description="Half depth within which a cell counts as in focus, µm, > 0; "
        "auto: 1.33 wavelength/NA^2",
    )
    field_curvature_radius_um: float | None = Field(
        None, description="Radius of the curved (Petzval) focal surface, µm, > 0; null: flat"
    )

    @field_validator("depth_of_field_um")
    @classmethod
    def _positive_depth(cls, value):
        if value != "auto" and value <= 0:
            raise ValueError("depth_of_field_um must be > 0, or auto")
        return value

    @field_validator("field_curvature_radius_um")
    @classmethod
    def _positive_radius(cls, value):
        if value is not None and value <= 0:
            raise ValueError("field_curvature_radius_um must be > 0, or null for a flat field")
        return value

    @property
    def diffraction_sigma_um(self):
        """Standard deviation of the diffraction-limited spot, µm: 0.21 wavelength/NA."""
        return 0.21 * (self.emission_nm / 1000.0) / self.na

    @property
    def dof_um(self):
        """Half depth of field, µm: `depth_of_field_um`, or 1.33 wavelength/NA^2 for auto."""
        if self.depth_of_field_um == "auto":
            return 1.33 * (self.emission_nm / 1000.0) / self.na**2
        return self.depth_of_field_um

    @property
    def collection_efficiency(self):
        """Collected light relative to an aperture of 1: NA^2."""
        return self.na**2

    def defocus_sigma_um(self, z_um, focal_um):
        """Standard deviation of the geometric blur of depth z, µm: NA |z - focus|."""
        return self.na * np.abs(np.subtract(z_um, focal_um))

    def focal_curvature_shift_um(self, r_um):
        """How much shallower the focal surface lies at field radius r, µm, >= 0.

        R - sqrt(R^2 - min(|r|, R)^2) for a sphere of radius R, 0 for a flat field. Subtract it
        from the focal depth on the axis.
        """
        r = np.abs(r_um)
        if self.field_curvature_radius_um is None:
            return np.zeros_like(r, dtype=float)[()]
        radius = self.field_curvature_radius_um
        r = np.minimum(r, radius)
        return radius - np.sqrt(radius**2 - r**2)


class ImageSensor(Section):
    """The camera chip."""

    n_px_height: int = Field(256, gt=0, description="Rows of the sensor, px")
    n_px_width: int = Field(256, gt=0, description="Columns of the sensor, px")
    pixel_pitch_um: float = Field(
        3.0, gt=0, description="Distance of neighboring pixels on the chip, µm"
    )
    quantum_efficiency: float = Field(0.7, gt=0, le=1, description="Detected electrons per photon")
    read_noise_e: float = Field(2.0, ge=0, description="Read noise, electrons RMS")
    gain_adu_per_e: float = Field(1.0, gt=0, description="Counts (ADU) per electron")
    bit_depth: int = Field(
        8, gt=0, description="Depth of the converter, bits; at most 16 can be simulated"
    )

    @property
    def max_count(self):
        """Largest count the converter gives: 2^bit_depth - 1."""
        return 2**self.bit_depth - 1

    @property
    def count_dtype(self):
        """numpy dtype of the counts: uint8 up to 8 bits, else uint16."""
        return np.dtype(np.uint8 if self.bit_depth <= 8 else np.uint16)

    def photons_to_counts(self, photons, rng):
        """Counts of `photons` expected per pixel, noise drawn from a sequential generator.

        With lam = photons * QE, electrons are lam + sqrt(lam + read_noise^2) z: shot and read
        noise are one Gaussian, because variances add. Counts are floor(electrons * gain), clipped
        to 0..2^bit_depth - 1, all in float64.

        Parameters
        ----------
        photons : array, any shape
            Expected photons; negative ones count as 0.
        rng : numpy.random.Generator
            One standard normal is drawn per pixel, in C order.

        Returns
        -------
        array of uint8 (bit_depth <= 8) or uint16, shape of `photons`
        """
        photons = np.maximum(np.asarray(photons, dtype=np.float64), 0.0)
        lam = photons * self.quantum_efficiency
        noise = np.sqrt(lam + self.read_noise_e**2) * rng.standard_normal(photons.shape)
        counts = np.floor((lam + noise) * self.gain_adu_per_e)
        return np.clip(counts, 0, self.max_count).astype(self.count_dtype)


class Tissue(Section):
    """Scattering tissue between the objective and the cells."""

    scatter_mfp_excitation_um: float = Field(
        600.0, gt=0, description="Scattering mean free path of the excitation light, µm"
    )
    scatter_mfp_emission_um: float = Field(
        100.0, gt=0, description="Scattering mean free path of the emitted light, µm"
    )
    scatter_blur_per_um: float = Field(
        0.05,
        ge=0,
        description="Standard deviation of the scatter blur per depth, µm/µm",
    )

    @property
    def scatter_mfp_um(self):
        """Mean free path L of the way in and out, µm: 1/L = 1/L_excitation + 1/L_emission."""
        return 1.0 / (1.0 / self.scatter_mfp_excitation_um + 1.0 / self.scatter_mfp_emission_um)

    def attenuation(self, z_um):
        """Fraction of the light of depth z that is left after both ways: exp(-z/L)."""
        return np.exp(-np.asarray(z_um, dtype=float) / self.scatter_mfp_um)[()]

    def scatter_sigma_um(self, z_um):
        """Standard deviation of the scatter blur of depth z, µm."""
        return np.multiply(self.scatter_blur_per_um, z_um)


class Acquisition(Section):
    """One recording session: instrument, tissue, focus and timing."""

    optics: Optics = Field(Optics(), description="The objective")
    image_sensor: ImageSensor = Field(ImageSensor(), description="The camera chip")
    tissue: Tissue = Field(Tissue(), description="The scattering tissue")
    fps: float = Field(20.0, gt=0, description="Frame rate, Hz")
    duration_s: float = Field(
        150.0, gt=0, description="Length of the recording, s; n_frames = round(duration_s * fps)"
    )
    focal_depth_in_tissue_um: float | Auto = Field(
        "auto",
        description="Depth of the focal plane below the surface, µm, >= 0; auto: where most "
        "cells can be detected",
    )
    front_working_distance_um: float | None = Field(
        None, description="Front working distance of the objective, µm, > 0; recorded, no effect"
    )

    @field_validator("focal_depth_in_tissue_um")
    @classmethod
    def _depth_below_surface(cls, value):
        if value != "auto" and value < 0:
            raise ValueError("focal_depth_in_tissue_um must be >= 0, or auto")
        return value

    @field_validator("front_working_distance_um")
    @classmethod
    def _positive_distance(cls, value):
        if value is not None and value <= 0:
            raise ValueError("front_working_distance_um must be > 0, or null")
        return value

    @property
    def pixel_size_um(self):
        """Side of a pixel in the object, µm."""
        return self.image_sensor.pixel_pitch_um / self.optics.magnification

    @property
    def n_frames(self):
        """Frames of the recording; halves are rounded to the even number."""
        frames = self.duration_s * self.fps
        return round(frames) if math.isfinite(frames) else 0

    @property
    def fov_shape(self):
        """(height, width) of the field of view, px."""
        return self.image_sensor.n_px_height, self.image_sensor.n_px_width

    @property
    def fov_um(self):
        """(height, width) of the field of view, µm."""
        height, width = self.fov_shape
        return height * self.pixel_size_um, width * self.pixel_size_um

    def um_to_px(self, um):
        """Lengths in px."""
        return um / self.pixel_size_um

    def s_to_frame(self, s):
        """Times in frames."""
        return s * self.fps

    def um_to_index(self, y_um, x_um, shape):
        """(row, column) of a point, as floats, on a grid centered on the optical axis.

        Parameters
        ----------
        y_um, x_um : float or array
            Position relative to the optical axis, +y down, +x right.
        shape : (height, width)
            Size of the grid, px: the field of view or the canvas.
        """
        height, width = shape
        row = (height - 1) / 2 + y_um / self.pixel_size_um
        return row, (width - 1) / 2 + x_um / self.pixel_size_um

    def cell_optics(self, z_um, focal_um):
        """(sigma_px, brightness) of a point source at depth z with the focus at `focal_um`.

        With s0 = hypot(diffraction, scatter(z)) and s = hypot(s0, defocus), sigma_px is s in
        pixels and brightness = (s0/s)^2 attenuation(z) NA^2 the peak relative to an unblurred
        source; sigma_px^2 * brightness does not depend on the focus.
        """
        tissue, optics = self.tissue, self.optics
        sharp = np.hypot(optics.diffraction_sigma_um, tissue.scatter_sigma_um(z_um))
        sigma = np.hypot(sharp, optics.defocus_sigma_um(z_um, focal_um))
        gain = tissue.attenuation(z_um) * optics.collection_efficiency
        return sigma / self.pixel_size_um, (sharp / sigma) ** 2 * gain


class Output(Section):
    """What is kept besides the movie and the ground truth."""

    save_intermediates: bool = Field(
        False, description="Keep a copy of the movie after each step that changes it"
    )
    store_dtype: Literal["float32", "float64"] = Field(
        "float32", description="Number type of the movie `observed` in memory"
    )
