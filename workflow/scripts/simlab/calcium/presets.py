"""Ready-made instruments and brain regions, and the specification that combines them.

Numbers of the Miniscope V4: its published optical design (aperture, magnification, 608 x 608 px of
4.8 µm). Densities and depths of regions: round figures for mouse CA1 pyramidal cells behind a
lens, and layer 2/3 of cortex.
"""

from typing import Literal

from pydantic import Field

from simlab.calcium.errors import SpecError
from simlab.calcium.spec import (
    Acquisition,
    CellActivity,
    CellOptics,
    Composite,
    IlluminationProfile,
    ImageSensor,
    Leakage,
    NeuronPopulation,
    Neuropil,
    Optics,
    Output,
    PlaceNeurons,
    Sensor,
    Spec,
    Tissue,
    Vasculature,
    VesselLayer,
    Vignette,
)
from simlab.core.config import Section, nearest


class Scope(Section):
    """An instrument: what stays the same whatever it looks at."""

    optics: Optics = Field(Optics(), description="The objective")
    image_sensor: ImageSensor = Field(ImageSensor(), description="The camera chip")
    illumination: IlluminationProfile | None = Field(
        None, description="Uneven excitation; null: even"
    )
    vignette: Vignette | None = Field(None, description="Uneven collection; null: even")
    leakage: Leakage | None = Field(None, description="Leaked excitation light; null: none")
    photons_per_unit: float = Field(
        100.0, gt=0, description="Photons per pixel and frame at an intensity of 1"
    )
    focal_depth_in_tissue_um: float | Literal["auto"] = Field(
        "auto", description="Depth of the focal plane, µm; auto: where most cells can be detected"
    )
    front_working_distance_um: float | None = Field(
        None, description="Front working distance, µm; recorded, no effect"
    )

    @property
    def pixel_size_um(self):
        """Side of a pixel in the object, µm."""
        return self._acquisition.pixel_size_um

    @property
    def fov_um(self):
        """(height, width) of the field of view, µm."""
        return self._acquisition.fov_um

    @property
    def _acquisition(self):
        return Acquisition(optics=self.optics, image_sensor=self.image_sensor)


class Region(Section):
    """A piece of brain: its cells, tissue, background and vessels."""

    population: NeuronPopulation = Field(NeuronPopulation(), description="The cells")
    tissue: Tissue = Field(Tissue(), description="The scattering tissue")
    neuropil: Neuropil | None = Field(None, description="Diffuse background; null: none")
    vasculature: Vasculature | None = Field(None, description="Vessels; null: none")


def miniscope_v4():
    """The Miniscope V4: 608 x 608 px, about 1 mm field of view, curved focal surface."""
    return Scope(
        optics=Optics(na=0.3, magnification=2.9, emission_nm=525, field_curvature_radius_um=2500),
        image_sensor=ImageSensor(n_px_height=608, n_px_width=608, pixel_pitch_um=4.8, bit_depth=8),
        illumination=IlluminationProfile(falloff=0.7),
        vignette=Vignette(falloff=0.6),
        leakage=Leakage(profile="gaussian", level=0.08),
        photons_per_unit=600,
        front_working_distance_um=700,
    )


def generic_1p():
    """A generic one-photon microscope: the defaults of every model."""
    return Scope()


def ca1():
    """Hippocampal CA1: a thin, dense sheet of pyramidal cells about 150 µm deep."""
    return Region(
        population=NeuronPopulation(
            density_per_mm3=45000,
            soma_radius_um=5,
            morphology="cytosolic",
            depth_range_um=(140, 160),
        ),
        neuropil=Neuropil(amplitude=0.4),
        vasculature=Vasculature(
            enabled=True,
            layers=[VesselLayer(depth_um=120, n_roots=3, root_radius_um=14, opacity=0.65)],
        ),
    )


def cortex_l23():
    """Cortical layer 2/3: sparse cells over 100 µm of depth, large pial vessels."""
    return Region(
        population=NeuronPopulation(
            density_per_mm3=8000,
            soma_radius_um=6,
            morphology="cytosolic",
            depth_range_um=(100, 200),
        ),
        neuropil=Neuropil(amplitude=0.6),
        vasculature=Vasculature(
            enabled=True,
            layers=[
                VesselLayer(
                    depth_um=80,
                    n_roots=2,
                    root_radius_um=25,
                    opacity=0.9,
                    branch_prob=0.15,
                    tortuosity_deg=5,
                )
            ],
        ),
    )


SCOPES = {"miniscope_v4": miniscope_v4, "generic_1p": generic_1p}
REGIONS = {"ca1": ca1, "cortex_l23": cortex_l23}


def _made(what, given, known):
    """What the name `given` stands for; anything else as it is."""
    if not isinstance(given, str):
        return given
    if given not in known:
        names = ", ".join(known)
        raise SpecError(f"{what}: unknown {given!r}{nearest(given, known)} (known: {names})")
    return known[given]()


def build_spec(
    scope,
    region,
    *,
    duration_s=150.0,
    fps=20.0,
    seed=0,
    populations=None,
    activity=None,
    sensor=None,
    extra_steps=(),
    include_neuropil=True,
    include_vasculature=True,
    include_scope_fields=True,
    save_intermediates=False,
):
    """The Spec of `scope` looking at `region`.

    Parameters
    ----------
    scope : Scope or str
        Instrument: optics, sensor, illumination; or its name in `SCOPES`.
    region : Region or str
        Tissue: cells, depth, scatter, background, vessels; or its name in `REGIONS`.
    duration_s : float
        Length, s.
    fps : float
        Frame rate, Hz.
    seed : int
        Seed of the recording.
    populations : list of NeuronPopulation, optional
        Cells; those of the region by default.
    activity : CellActivity, optional
        Spikes and calcium; `CellActivity()` by default.
    sensor : Sensor, optional
        By default one with the scope's photons_per_unit.
    extra_steps : sequence of steps
        Steps of kinds that are not there yet, for example BrainMotion().
    include_neuropil, include_vasculature : bool
        Whether the region's background and vessels are in it.
    include_scope_fields : bool
        Whether the scope's illumination, vignette and leakage are in it.
    save_intermediates : bool
        Keep the movie after each step.

    Raises
    ------
    SpecError
        For a name that is unknown.
    pydantic.ValidationError
        If the combination is not valid, for example two steps of a kind.
    """
    scope, region = _made("scope", scope, SCOPES), _made("region", region, REGIONS)
    optional = [
        region.neuropil if include_neuropil else None,
        region.vasculature if include_vasculature else None,
        *((scope.illumination, scope.vignette, scope.leakage) if include_scope_fields else ()),
    ]
    return Spec(
        acquisition=Acquisition(
            optics=scope.optics,
            image_sensor=scope.image_sensor,
            tissue=region.tissue,
            fps=fps,
            duration_s=duration_s,
            focal_depth_in_tissue_um=scope.focal_depth_in_tissue_um,
            front_working_distance_um=scope.front_working_distance_um,
        ),
        seed=seed,
        steps=[
            PlaceNeurons(populations=[region.population] if populations is None else populations),
            activity or CellActivity(),
            CellOptics(),
            Composite(),
            *(step for step in optional if step is not None),
            sensor or Sensor(photons_per_unit=scope.photons_per_unit),
            *extra_steps,
        ],
        output=Output(save_intermediates=save_intermediates),
    )
