"""Configurations: the published example by default, every wrong key named in one line."""

import inspect

import pytest
from afm_finished import FDBM, GENERAL, HARTREE, SMALL

from simlab.afm import descriptors
from simlab.afm.aux_options import AUX_OPTIONS, channel_names
from simlab.afm.config import DatasetConfig
from simlab.core.config import parse_config
from simlab.core.errors import ConfigError


def parsed(**mapping):
    return parse_config(DatasetConfig, mapping, "campaign")


def message(mapping):
    with pytest.raises(ConfigError) as caught:
        parse_config(DatasetConfig, mapping, "campaign")
    return str(caught.value)


def test_an_empty_data_set_is_the_published_example():
    dataset = parsed()
    simulator, [tip] = dataset.simulator, dataset.tips
    assert simulator.pixPerAngstrome == 10
    assert simulator.scan_dim == (128, 128, 19)
    assert simulator.scan_window == ((2, 2, 5), (18, 18, 6.9))
    assert (simulator.steps, simulator.n_weights, simulator.depth) == (10, 10, 10)
    assert simulator.dz == pytest.approx(0.1)
    assert (tip.iZPP, tip.Qs, tip.QZs) == (8, [-10, 20, -10, 0], [0.1, 0, -0.1, 0])
    assert (dataset.batch_size, dataset.distAbove, dataset.reference) == (20, 4.5, "top")
    assert (dataset.augment.rotations, dataset.augment.n_best, dataset.n_rotations) == (100, 30, 30)
    assert (dataset.randomize.distance, dataset.randomize.tilt) == (0.2, 0.3)
    names = ["vdwSpheres", "AtomicDisks", "HeightMap", "Bonds", "AtomRfunc"]
    assert channel_names(dataset.aux_maps) == names


@pytest.mark.parametrize("mapping", [SMALL, GENERAL, HARTREE, FDBM])
def test_a_configuration_survives_being_written_and_read(mapping):
    dataset = parse_config(DatasetConfig, mapping)
    assert parse_config(DatasetConfig, dataset.model_dump(mode="json")) == dataset


@pytest.mark.parametrize("name", sorted(AUX_OPTIONS))
def test_descriptors_have_the_defaults_of_the_configuration(name):
    parameters = inspect.signature(descriptors.aux_map_dict[name].__init__).parameters
    for key, field in AUX_OPTIONS[name].model_fields.items():
        default = parameters[key].default
        if field.is_required():
            assert default in (inspect.Parameter.empty, None)
        else:
            plain = [list(row) for row in default] if key == "elems" else default
            assert plain == field.get_default(), key


def test_channels_of_one_descriptor_are_numbered_and_repeated_names_too():
    dataset = parsed(
        aux_maps=["Bonds", {"Bonds": {"ellipticity": 0.3}}, "ESMap", "MultiMapSpheres"]
    )
    assert channel_names(dataset.aux_maps) == [
        "Bonds", "Bonds.2", "ESMap/0", "ESMap/1",
        "MultiMapSpheres/0", "MultiMapSpheres/1", "MultiMapSpheres/2",
    ]  # fmt: skip


def test_the_amplitude_gives_the_steps():
    simulator = parsed(simulator={"amplitude": 0.74}).simulator
    assert (simulator.steps, simulator.depth) == (7, 13)
    exact = parsed(simulator={"amplitude": 0.74, "df_weights": "exact"}).simulator
    assert (exact.n_weights, exact.depth) == (9, 11)
    whole = parsed(simulator={"amplitude": 0.7, "df_weights": "exact"}).simulator
    assert whole.n_weights == 8


def test_one_step_still_needs_two_forces():
    assert parsed(simulator={"df_steps": 1}).simulator.depth == 18


def test_aliases_are_understood():
    dataset = parsed(
        simulator={"ff_grid_step": 0.125},
        splits={"validation": 0.2},
        samples_per_shard=None,
        tips=[{"iZPP": "Xe"}],
        ignore_elements=["H", 6],
    )
    assert dataset.simulator.pixPerAngstrome == 8
    assert dataset.split.val == 0.2
    assert dataset.samples_per_shard == "auto"
    assert dataset.tips[0].iZPP == 54
    assert dataset.ignore_elements == [1, 6]


WRONG = [
    ({"simulator": {"df_steps": 20}}, "df_steps takes 20 tip positions, scan_dim has 19 along z"),
    ({"simulator": {"df_steps": 0}}, "simulator.df_steps: Input should be greater than"),
    ({"simulator": {"df_steps": 5, "amplitude": 0.5}}, "df_steps and amplitude are exclusive"),
    ({"simulator": {"scan_window": [[2, 2, 5], [2, 18, 7]]}}, "x runs from 2 to 2, it must grow"),
    ({"simulator": {"scan_dim": [1, 128, 19]}}, "each must be 2 to 2048"),
    ({"simulator": {"npbc": [6, 0, 0]}}, "each must be 0 to 5"),
    ({"simulator": {"npbc": [1, 1, 0]}}, "simulator.npbc needs simulator.sample_lvec"),
    ({"simulator": {"tipR0": [2, 3, 3]}}, "the length must be > 0 and larger than the tilt"),
    ({"simulator": {"tipStiffness": [0.2, 0.2, 0, 0]}}, "kx, ky, kz must be >= 0 and kr > 0"),
    ({"simulator": {"d3_params": "PBEE"}}, "unknown functional, did you mean PBE"),
    ({"simulator": {"ff_grid_step": 0.1, "pixPerAngstrome": 10}}, "are the same, give one"),
    ({"simulator": {"scan_window": [[0, 0, 5], [300, 10, 7]]}}, "needs 3060 points along x"),
    ({"simulator": {"pixelPerAngstrome": 10}}, "did you mean pixPerAngstrome?"),
    ({"aux_maps": ["Bond"]}, "aux_maps.0: unknown key, did you mean Bonds?"),
    ({"aux_maps": [{"Bonds": {"zmin": 1}}]}, "aux_maps.0.Bonds.zmin: Input should be less than 0"),
    ({"aux_maps": [{"Bonds": {"Rfunc": [1.0] * 20}}]}, "Rfunc reaches 2 Å, it must reach"),
    ({"aux_maps": []}, "aux_maps: List should have at least 1 item"),
    ({"sim_type": "LJ", "aux_maps": ["ESMapConstant"]}, "ESMapConstant needs charges"),
    ({"sim_type": "FDMB"}, "did you mean FDBM?"),
    ({"sim_type": "LJ+Hartree"}, "sim_type: LJ+Hartree needs generator: general"),
    ({"tips": [{}, {}]}, "tips: the name CO is given twice"),
    ({"tips": [{"Qs": [1] * 5}]}, "tips.0.Qs: List should have at most 4 items"),
    ({"simulator": {"scan_window": [[0, 0, 5], [1.6, 9, 7]]}}, "1.6 Å along x, at least 2 Å are"),
    ({"simulator": {"tipStiffness": [0.2, 0.2, 0, 3e4]}}, "30000 N/m is too stiff"),
    ({"tips": [{"iZPP": "Xx"}]}, "'Xx' is not an element"),
    ({"tips": [{"multipole": {"dz2": 1}}]}, "tips.0.multipole has no meaning with sim_type: LJ+PC"),
    ({"tips": [{"multipole": {"dz3": 1}}]}, "unknown multipole 'dz3'"),
    ({"randomize": {"tilt": 3}}, "randomize.tilt is 3, it must be smaller than the length"),
    ({"randomize": {"df_steps": [3, 5]}}, "randomize.df_steps needs generator: general"),
    ({"split": {"val": 0.6, "test": 0.4}}, "val + test is 1, nothing is left to train"),
    ({"samples_per_shard": 30}, "samples_per_shard is 30, it must be a multiple of batch_size"),
    ({"rotations": ["rot90"]}, "generator: inverse takes augment, not rotations"),
    ({"distAbove": 0.5}, "distAbove: Input should be greater than or equal to 1"),
    ({"density_cutoff": 10}, "density_cutoff has no meaning with sim_type: LJ+PC"),
    ({"grids": {"source": "model"}}, "grids has no meaning with sim_type: LJ+PC"),
    ({"backend": "auto"}, "Input should be 'numba' or 'opencl'"),
    ({**GENERAL, "augment": {}}, "generator: general takes rotations, not augment"),
    ({**GENERAL, "rotations": ["rot45"]}, "did you mean rot90?"),
    ({**GENERAL, "rotations": [[[1, 0, 0], [0, 2, 0], [0, 0, 1]]]}, "must be a rotation"),
    ({**GENERAL, "sim_type": "FDBM"}, "grids is needed by sim_type: FDBM"),
    ({**FDBM, "tips": [{}]}, "tips.0.tip_density is needed by sim_type: FDBM"),
    ({**FDBM, "tips": [{"tip_density": "t.xsf"}]}, "tips.0.tip_delta_density is needed"),
    ({**HARTREE, "tips": [{"tip_density": "model_co"}]}, "use tip_delta_density: model_co"),
    ({**HARTREE, "aux_maps": ["ESMap"]}, "ESMap needs point charges"),
    ({**FDBM, "grids": {"source": "files", "potential": "p.xsf"}}, "grids.density is needed"),
]


@pytest.mark.parametrize(("mapping", "expected"), WRONG, ids=[text[:40] for _, text in WRONG])
def test_wrong_keys_are_named(mapping, expected):
    assert expected in message(mapping)


def test_charges_of_a_tip_that_are_not_given_are_0():
    (tip,) = parsed(tips=[{"Qs": [0.3], "QZs": [0.1, 0]}]).tips
    assert tip.Qs == [0.3, 0, 0, 0]
    assert tip.QZs == [0.1, 0, 0, 0]


def test_all_problems_are_told_at_once():
    text = message({"seed": -1, "distAbove": 99, "aux_maps": ["Bond"]})
    assert text.startswith("campaign: 3 problems")


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({"aux_maps": [{"SpheresType": {"nChan": 2, "types": {"H": 2}}}]}, "must be -1 to 1"),
        ({"aux_maps": [{"SpheresType": {"types": {"Hx": 0}}}]}, "'Hx' is not an element"),
        ({"aux_maps": [{"MultiMapSpheresElements": {"elems": [["Hx"]]}}]}, "is not an element"),
        ({"simulator": {"A_pauli": 12}}, "simulator.A_pauli has no meaning with sim_type: LJ+PC"),
        ({"simulator": {"sigma": 0.5}}, "simulator.sigma has no meaning with sim_type: LJ+PC"),
        ({**FDBM, "simulator": {"lj_vdw_damp": 1}}, "lj_vdw_damp has no meaning"),
        ({**FDBM, "randomize": {"eps": 0.1}}, "randomize.eps has no meaning"),
        ({"randomize": {"eps": 2}}, "randomize.eps: Input should be less than 2"),
        ({"strict": True, "tips": [{"iZPP": "Kr"}]}, "Kr has arbitrary Lennard-Jones parameters"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_keys_that_could_do_harm_or_nothing_are_refused(mapping, expected):
    assert expected in message(mapping)
