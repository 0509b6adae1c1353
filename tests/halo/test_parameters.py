import csv

import numpy as np
import pytest

from simlab.core.files import read_csv
from simlab.halo.errors import MissingColumnError, MissingTableError, ParameterTableError
from simlab.halo.parameter_names import SB35
from simlab.halo.parameters import (
    ParameterTable,
    load_info,
    load_parameters,
    out_of_range,
    params_normalized,
    short_parameters,
)
from simlab.halo.stages.parameters import write_parameters

SHIPPED = "resources/halo/CosmoAstroSeed_IllustrisTNG_L50n512_SB35_first64.txt"


def table(path, text):
    path.write_text(text)
    return path


@pytest.fixture
def peer_table(data):
    """Ten rows without names: the row number is the simulation."""
    return data / "halo" / "camels_tiny" / "param_df.csv"


def test_core15_is_the_default_and_has_fifteen_columns_in_order():
    values, names = load_parameters(SHIPPED, 7)
    assert values.shape == (15,)
    assert values.dtype == np.float64
    assert names == tuple(SB35[:15])
    assert values[:3].tolist() == [0.42841, 0.63948, 2.3555]


def test_presets_and_lists_name_columns():
    everything, names = load_parameters(SHIPPED, 63, columns="sb35")
    assert len(names) == 35
    cosmology, five = load_parameters(SHIPPED, 63, columns="cosmo5")
    assert five == ("Omega0", "sigma8", "OmegaBaryon", "HubbleParam", "n_s")
    assert cosmology.tolist() == [everything[names.index(name)] for name in five]
    chosen, _ = load_parameters(SHIPPED, 63, columns=["n_s", "sigma8"])
    assert chosen.tolist() == [cosmology[4], cosmology[1]]
    none, empty = load_parameters(SHIPPED, 63, columns=[])
    assert none.shape == (0,)
    assert empty == ()


def test_rows_by_name_and_rows_by_number_agree_with_the_peer(peer_table):
    for sim in range(10):
        named, _ = load_parameters(SHIPPED, sim, columns="sb35")
        numbered, _ = load_parameters(peer_table, sim, columns="sb35")
        assert named.tolist() == numbered.tolist()


def test_a_named_row_is_found_wherever_it_stands(tmp_path):
    lines = "#Name Omega0 seed\n  SB35_2 0.2 7\n\nLH_1 0.9 8\n SB35_10 0.5 9\n"
    path = table(tmp_path / "t.txt", lines)
    assert load_parameters(path, 10, columns=["Omega0"])[0] == [0.5]
    assert load_parameters(path, 1, columns=["Omega0"], set_name="LH")[0] == [0.9]
    with pytest.raises(ParameterTableError, match=r"t\.txt: sim 1: no name SB35_1 "):
        load_parameters(path, 1, columns=["Omega0"])


@pytest.mark.parametrize("key", ["Name", "#Name", "name"])
def test_a_csv_table_with_names_is_looked_up_by_name(tmp_path, key):
    path = table(tmp_path / "t.csv", f"sigma8,{key},sim\n0.7,SB35_5,0\n0.8,SB35_0,5\n")
    assert load_parameters(path, 5, columns=["sigma8"])[0] == [0.7]


def test_a_csv_table_with_a_column_sim_is_looked_up_by_number(tmp_path):
    path = table(tmp_path / "t.csv", "sim,sigma8\n5,0.7\n0,0.8\n")
    assert load_parameters(path, 0, columns=["sigma8"])[0] == [0.8]
    assert ParameterTable(path).columns == ("sigma8",)
    with pytest.raises(ParameterTableError, match="sim 1: no sim 1"):
        load_parameters(path, 1, columns=["sigma8"])


def test_names_and_seed_are_never_parameters():
    shipped = ParameterTable(SHIPPED)
    assert shipped.columns == tuple(SB35)
    assert shipped.seed(63) == 25063
    assert shipped.has(63)
    assert not shipped.has(64)
    assert not shipped.has(3, "LH")
    with pytest.raises(ParameterTableError, match="needs seed"):
        load_parameters(SHIPPED, 0, columns=["seed"])


def test_a_row_beyond_the_last_is_missing(peer_table):
    with pytest.raises(ParameterTableError, match=r"param_df\.csv: sim 10: no row 10 among its 10"):
        load_parameters(peer_table, 10)


def test_a_missing_table_is_a_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.csv"):
        load_parameters(tmp_path / "nothing.csv", 0)
    with pytest.raises(MissingTableError):
        load_info(tmp_path / "nothing.csv")


@pytest.mark.parametrize("cell", ["nan", "inf", "0.3x", ""])
def test_a_cell_that_is_no_finite_number_is_named(tmp_path, cell):
    path = table(tmp_path / "t.csv", f"Name,Omega0,sigma8\nSB35_0,0.3,{cell}\nSB35_1,0.3,0.8\n")
    assert load_parameters(path, 1, columns=["Omega0"])[0] == [0.3]
    with pytest.raises(ParameterTableError, match=rf"t\.csv: sim 0: sigma8 is '{cell}'"):
        load_parameters(path, 0, columns=["Omega0"])


@pytest.mark.parametrize(
    ("row", "message"),
    [("SB35_4 0.3", "sim 4: 2 cells.*sigma8"), ("SB35_4 0.3 0.8 9 9", "sim 4: 5 cells.*seed")],
)
def test_a_ragged_row_is_named(tmp_path, row, message):
    path = table(tmp_path / "t.txt", f"#Name Omega0 sigma8 seed\n{row}\n")
    with pytest.raises(ParameterTableError, match=message):
        load_parameters(path, 4, columns=[])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Name,a\nSB35_0,1\nSB35_0,2\n", "Name SB35_0 appears twice"),
        ("sim,a\n3,1\n3,2\n", "sim 3 appears twice"),
        ("a,b,a\n1,2,3\n", "columns a appear twice"),
        ("sim,a\nthree,1\n", "sim is 'three'"),
        ("", "empty"),
    ],
)
def test_a_table_that_is_ambiguous_or_empty_is_refused(tmp_path, text, message):
    with pytest.raises(ParameterTableError, match=message):
        ParameterTable(table(tmp_path / "t.csv", text))


def test_a_preset_lists_the_names_that_a_table_lacks(tmp_path):
    names = [name for name in SB35 if name not in ("sigma8", "n_s")]
    path = table(tmp_path / "t.csv", ",".join(names) + "\n" + ",".join("1" * 33) + "\n")
    with pytest.raises(ParameterTableError, match="core15 needs sigma8, n_s, which"):
        load_parameters(path, 0)
    with pytest.raises(ParameterTableError, match="did you mean Omega0"):
        load_parameters(path, 0, columns=["Omega_0"])
    with pytest.raises(ParameterTableError, match="'core14' is no preset"):
        load_parameters(path, 0, columns="core14")


def test_both_spellings_of_the_reorientation_factor_are_understood(tmp_path):
    header = ",".join(SB35).replace("Reiorientation", "Reorientation")
    path = table(tmp_path / "t.csv", header + "\n" + ",".join(map(str, range(35))) + "\n")
    values, names = load_parameters(path, 0)
    assert names[5] == "RadioFeedbackReiorientationFactor"
    assert values[5] == 5


def test_overrides_replace_the_table_for_their_set_only(tmp_path):
    lines = "Name,VariableWindSpecMomentum\nCV_0,2000\nSB35_0,2000\n"
    path = table(tmp_path / "t.csv", lines)
    options = {
        "columns": ["VariableWindSpecMomentum"],
        "overrides": {"CV": {"VariableWindSpecMomentum": 0.0}},
    }
    assert load_parameters(path, 0, set_name="CV", **options)[0] == [0]
    assert load_parameters(path, 0, set_name="SB35", **options)[0] == [2000]
    with pytest.raises(ParameterTableError, match="overrides of CV needs A_SN9"):
        load_parameters(path, 0, columns=[], set_name="CV", overrides={"CV": {"A_SN9": 1}})


def test_an_override_of_a_short_name_is_in_its_own_unit(tmp_path):
    path = table(tmp_path / "t.csv", "Name,WindEnergyIn1e51erg\nSB35_0,7.2\n")
    options = {"overrides": {"SB35": {"A_SN1": 3.0}}}
    names = ["A_SN1", "WindEnergyIn1e51erg"]
    values, _ = load_parameters(path, 0, columns=names, **options)
    assert values == pytest.approx([3.0, 3 * 3.6], rel=1e-15)
    spelled_out = {"overrides": {"SB35": {"WindEnergyIn1e51erg": 1.8}}}
    assert load_parameters(path, 0, columns=names, **spelled_out)[0].tolist() == [0.5, 1.8]
    own = table(tmp_path / "own.csv", "Name,A_SN1\nSB35_0,2\n")
    assert load_parameters(own, 0, columns=["A_SN1"], **options)[0] == [3]
    both = {"SB35": {"A_SN1": 1.0, "WindEnergyIn1e51erg": 9.0}}
    with pytest.raises(ParameterTableError, match="SB35 give WindEnergyIn1e51erg more than one"):
        load_parameters(path, 0, columns=names, overrides=both)


@pytest.mark.parametrize(
    ("header", "cells", "seeds"),
    [("", "", ["25000", "25001"]), (",seed", ",0", ["0", "0"]), (",seed", ",7", ["7", "7"])],
)
def test_rows_of_synthetic_simulations_keep_their_seed_or_get_one(tmp_path, header, cells, seeds):
    text = f"Name,Omega0{header}\nSB35_0,0.3{cells}\nSB35_1,0.2{cells}\n"
    spec = {"seed": 1, "parameters": "table", "set": "SB35", "simulations": [0, 2]}
    write_parameters(spec, table(tmp_path / "t.csv", text), tmp_path / "params.csv")
    columns, rows = read_csv(tmp_path / "params.csv")
    assert columns == ["Name", "Omega0", "seed"]
    assert [row[-1] for row in rows] == seeds


def test_what_asks_for_a_column_that_is_not_there_is_told():
    for key, options in (
        ("columns", {"columns": ["A_SN9"]}),
        ("overrides", {"overrides": {"SB35": {"A_SN9": 1.0}}}),
    ):
        with pytest.raises(MissingColumnError) as error:
            load_parameters(SHIPPED, 0, **options)
        assert error.value.key == key


def test_short_names_are_in_units_of_the_fiducial_values():
    row = ParameterTable(SHIPPED).row(0)
    short = short_parameters(row)
    assert short == {
        "A_SN1": 0.9291 / 3.6,
        "A_AGN1": 0.407,
        "A_SN2": 11.692 / 7.4,
        "A_AGN2": 10.286 / 20,
    }
    values, names = load_parameters(SHIPPED, 0, columns=["A_SN1", "A_AGN2"])
    assert names == ("A_SN1", "A_AGN2")
    assert values.tolist() == [short["A_SN1"], short["A_AGN2"]]
    assert params_normalized(values, names) == pytest.approx(
        params_normalized([0.9291, 10.286], [SB35[2], SB35[5]]), rel=1e-12
    )


def test_the_info_table_belongs_to_the_columns_in_order(root):
    info = load_info()
    with open(root / "resources/halo/Info_IllustrisTNG_L50n512_35params.csv") as stream:
        rows = list(csv.DictReader(stream))
    assert info.names == tuple(SB35)
    assert info.fiducial.tolist() == [float(row["FiducialVal"]) for row in rows]
    assert info.log.sum() == sum(int(row["LogFlag"]) for row in rows) > 0
    assert (info.minimum <= info.fiducial).all()
    assert (info.fiducial <= info.maximum).all()


def test_an_unknown_spelling_in_the_info_table_is_a_warning(root, tmp_path):
    text = (root / "resources/halo/Info_IllustrisTNG_L50n512_35params.csv").read_text()
    path = table(tmp_path / "info.csv", text.replace("\nsigma8,", "\nSigma8,"))
    with pytest.warns(UserWarning, match="row Sigma8 is taken for column sigma8"):
        assert load_info(path).names == tuple(SB35)


def test_parameters_outside_their_range_are_listed():
    info = load_info()
    values = info.fiducial.copy()
    assert out_of_range(values, info.names) == []
    values[1] = 1.01
    assert out_of_range(values, info.names) == [("sigma8", 1.01, 0.6, 1.0)]
    assert out_of_range([5.0], ["A_SN1"]) == [("A_SN1", 5.0, 0.25, 4.0)]
    assert out_of_range([5.0], ["my_own"]) == []


def test_every_shipped_row_lies_inside_the_ranges():
    shipped = ParameterTable(SHIPPED)
    for sim in range(64):
        values, names = shipped.values(sim, "sb35")
        assert out_of_range(values, names) == []


def test_normalized_parameters_map_the_range_to_zero_and_one():
    info = load_info()
    assert params_normalized(info.minimum, info.names) == pytest.approx(np.zeros(35), abs=1e-12)
    assert params_normalized(info.maximum, info.names) == pytest.approx(np.ones(35), rel=1e-12)
    # A geometric mean is the middle of a logarithmic range, an arithmetic one of a linear range.
    middle = np.where(
        info.log, np.sqrt(abs(info.minimum * info.maximum)), (info.minimum + info.maximum) / 2
    )
    assert params_normalized(middle, info.names) == pytest.approx(np.full(35, 0.5), rel=1e-12)
    with pytest.raises(ParameterTableError, match="no range of my_own"):
        params_normalized([1.0], ["my_own"])
    with pytest.raises(ParameterTableError, match="logarithm"):
        params_normalized([0.0], ["RadioFeedbackFactor"])


# Tables of the LH, CV and EX sets

LH = """#Name Omega_m sigma_8 A_SN1 A_AGN1 A_SN2 A_AGN2 seed
LH_0 0.309 0.979 3.11234 1.12194 0.66841 0.53182 5285
"""


@pytest.fixture
def lh_table(tmp_path):
    return table(tmp_path / "lh.txt", LH)


@pytest.mark.parametrize("asked", [("Omega_m", "sigma_8"), ("Omega0", "sigma8")])
def test_matter_and_amplitude_have_the_names_of_both_kinds_of_tables(lh_table, asked):
    values, names = load_parameters(lh_table, 0, columns=[*asked, "A_SN1"], set_name="LH")
    assert names == (*asked, "A_SN1")
    assert values.tolist() == [0.309, 0.979, 3.11234]
    values, _ = load_parameters(SHIPPED, 7, columns=asked)
    assert values.tolist() == [0.42841, 0.63948]


def test_parameters_of_an_lh_table_have_ranges(lh_table):
    names = ("Omega_m", "sigma_8", "A_SN1", "A_AGN1", "A_SN2", "A_AGN2")
    values, _ = load_parameters(lh_table, 0, columns=names, set_name="LH")
    scaled = params_normalized(values, names)
    assert scaled.shape == (6,)
    assert scaled[0] == pytest.approx((0.309 - 0.1) / 0.4)
    assert out_of_range([0.7], ["Omega_m"]) == [("Omega_m", 0.7, 0.1, 0.5)]


def test_a_preset_that_a_table_lacks_tells_what_the_table_has(lh_table):
    with pytest.raises(MissingColumnError) as caught:
        load_parameters(lh_table, 0, set_name="LH")
    text = str(caught.value)
    assert "columns: core15 needs WindEnergyIn1e51erg, " in text
    assert "it has Omega_m, sigma_8, A_SN1, A_AGN1, A_SN2, A_AGN2: name those" in text
    with pytest.raises(MissingColumnError, match=r"columns: \[Omega0, n_s\] needs n_s"):
        load_parameters(lh_table, 0, columns=("Omega0", "n_s"), set_name="LH")


def test_a_table_of_another_set_tells_what_its_rows_are(lh_table):
    with pytest.raises(ParameterTableError, match=r"no name SB35_0 .*the first is 'LH_0' \(source"):
        load_parameters(lh_table, 0)


def test_a_table_tells_the_cosmology_that_snapshots_tell_too(lh_table):
    assert ParameterTable(lh_table).cosmology(0, "LH") == {"Omega0": 0.309}
    found = ParameterTable(SHIPPED).cosmology(7)
    assert list(found) == ["Omega0", "OmegaBaryon", "HubbleParam"]
    assert found["Omega0"] == 0.42841
