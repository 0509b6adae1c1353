"""Panels of distributions: what is counted, in which bins, and what is drawn of them."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import StepPatch

from simlab.core import figures
from simlab.core.dataset import read_index
from simlab.core.distribution_pages import (
    draw_panels,
    panels_svg,
    shares,
    style_of,
    write_distributions,
)
from simlab.core.distributions import (
    Bars,
    Curve,
    Histogram,
    bins_of,
    chosen,
    parameter_panels,
    read_columns,
    rebinned,
    sentence_of,
    value_histogram,
)
from simlab.core.errors import InputFileError
from simlab.core.splits import SPLITS

HEADER = "id,file,position,split,mass,kind,turn,flag,gap,name\n"


@pytest.fixture
def index(tmp_path):
    """A folder with an index.csv of 40 samples: 30 train, 10 test."""
    lines = [
        f"{i},a.h5,{i},{'train' if i < 30 else 'test'},{i * 0.5},"
        f"{'SIE' if i % 2 else 'SIS'},{i % 3},0,,sample{i}\n"
        for i in range(40)
    ]
    (tmp_path / "index.csv").write_text(HEADER + "".join(lines))
    return tmp_path


def panels_of(index, **options):
    splits, columns = read_columns(index)
    panels, *said = parameter_panels(
        splits,
        columns,
        {"mass": ("Msun/h", "M200c; of the catalog"), "turn": ("", "number of the rotation")},
        **options,
    )
    return {panel.title: panel for panel in panels}, *said


def test_columns_become_histograms_bars_or_sentences(index):
    panels, same, others = panels_of(index)
    assert set(panels) == {"mass", "kind", "turn"}
    assert same == ["flag = 0"]
    assert others == ["gap: given in 0 of 40 samples", "name: 40 different texts"]
    mass, kind, turn = panels["mass"], panels["kind"], panels["turn"]
    assert mass.label == "M200c (Msun/h)"
    assert turn.label == "number of the rotation"
    assert kind.label == "kind"
    assert (mass.edges[0], mass.edges[-1]) == (0.0, 19.5)
    assert {name: counts.sum() for name, counts in mass.counts.items()} == {"train": 30, "test": 10}
    assert kind.counts == {"train": {"SIE": 15, "SIS": 15}, "test": {"SIE": 5, "SIS": 5}}
    assert turn.names == ("0", "1", "2")
    assert sum(turn.counts["train"].values()) == 30


def test_columns_that_number_samples_are_left_out(index):
    panels, same, others = panels_of(index, skipped=("mass", "name"))
    assert set(panels) == {"kind", "turn"}
    assert same == ["flag = 0"]
    assert others == ["gap: given in 0 of 40 samples"]


def test_few_samples_most_of_which_differ_are_a_histogram_not_bars():
    splits, column = np.zeros(5, np.int8), read_numbers([0.3, 0.7, 0.1, 0.9, 0.55])
    [panel], *_ = parameter_panels(splits, {"ratio": column}, {})
    assert isinstance(panel, Histogram)
    [panel], *_ = parameter_panels(splits, {"ratio": read_numbers([0.3, 0.7, 0.3, 0.9, 0.5])}, {})
    assert isinstance(panel, Histogram)
    [panel], *_ = parameter_panels(splits, {"turn": read_numbers([1, 2, 1, 2, 3])}, {})
    assert isinstance(panel, Bars)


def read_numbers(values):
    from simlab.core.distributions import Column

    column = Column(is_text=False)
    for value in values:
        column.add(str(value), "train")
    return column


def test_an_index_with_other_columns_is_refused(tmp_path):
    (tmp_path / "index.csv").write_text("a,b,c,d\n1,2,3,4\n")
    with pytest.raises(InputFileError, match=r"index\.csv: first columns are \['a'"):
        read_columns(tmp_path)


def indexed(folder, header, rows):
    """The panels and sentences of an index.csv of the columns `header`, all samples train."""
    lines = [f"{i},a.h5,{i},train,{row}" for i, row in enumerate(rows)]
    text = "\n".join((f"id,file,position,split,{header}", *lines, ""))
    (folder / "index.csv").write_text(text, encoding="utf-8-sig")
    return panels_of(folder)


def test_a_column_with_a_text_is_of_texts_and_what_is_empty_somewhere_is_not_the_same(tmp_path):
    rows = ["null,3.0,C60,5", ".5,,1,5", "1.0,,2,5"] * 3
    panels, same, others = indexed(tmp_path, "axis,r_s,mol,k", rows)
    assert panels["axis"].counts == {"train": {"null": 3, ".5": 3, "1.0": 3}}
    assert panels["mol"].counts == {"train": {"C60": 3, "1": 3, "2": 3}}
    assert same == ["k = 5"]
    assert others == ["r_s = 3 in 3 of 9 samples"]


def test_how_many_samples_have_a_number_is_told_where_some_have_none(tmp_path):
    panels, same, others = indexed(
        tmp_path, "mass,radius,kind", ["1,1,SIS", "2,2,", "2,inf,SIE", ",2,"]
    )
    assert set(panels) == {"mass", "radius", "kind"}
    assert not same
    assert others == [
        *("mass: given in 3 of 4 samples", "radius: finite in 3 of 4 samples"),
        "kind: given in 2 of 4 samples",
    ]


@pytest.mark.parametrize("cell", ["1_0", "infinity", " 7", "٣"])
def test_a_number_is_what_the_packages_take_for_one(tmp_path, cell):
    panels, *_ = indexed(tmp_path, "mass,kind", [f"{cell},a", "2,b"])
    assert panels["mass"].counts == {"train": {cell: 1, "2": 1}}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0,a.h5,0,validation,1", "line 2: split is 'validation', expected one of train"),
        ("0,a.h5,0,train", "line 2 has 4 cells, the header has 5"),
        ("0,/a.h5,0,train,1", "line 2: file is '/a.h5', expected a file of the data set"),
    ],
)
def test_a_wrong_row_of_an_index_is_named_by_its_line(tmp_path, line, message):
    (tmp_path / "index.csv").write_text(f"id,file,position,split,mass\n{line}\n")
    with pytest.raises(InputFileError, match=message):
        read_columns(tmp_path)


def test_a_blank_line_of_an_index_is_no_sample(tmp_path):
    indexed(tmp_path, "mass", ["1", "2"])
    with open(tmp_path / "index.csv", "a") as stream:
        stream.write("\n")
    assert len(read_columns(tmp_path)[0]) == 2


def test_the_page_tells_what_is_not_in_all_samples_apart_from_what_is_the_same(tmp_path):
    write_distributions(
        tmp_path / "page.html", "x", np.zeros(9, np.int8), [], [], ["k = 5"], ["r = 3 in 3 of 9"]
    )
    text = (tmp_path / "page.html").read_text()
    assert "<p>The same in all samples: k = 5</p>" in text
    assert "<p>Not in all samples, or not drawn: r = 3 in 3 of 9</p>" in text


def test_bins_are_logarithmic_only_for_positive_values_crowded_at_the_low_end():
    crowded = np.geomspace(1, 1e4, 200)
    edges, scale = bins_of(crowded)
    assert scale == "log"
    np.testing.assert_allclose(np.diff(np.log(edges)), np.diff(np.log(edges))[0])
    assert bins_of(np.linspace(1, 1e4, 200))[1] == "linear"
    assert bins_of(crowded - 1)[1] == "linear"
    edges, _ = bins_of(np.full(3, 7.0))
    np.testing.assert_array_equal(edges, [6.5, 7.5])


def test_joined_bins_keep_their_sums_and_end_at_the_last_value():
    counts = {"train": np.zeros(1000, int), "test": np.zeros(1000, int)}
    counts["train"][100:900] = 2
    counts["test"][500] = 5
    edges, joined = rebinned(np.arange(1001.0), counts, most=90)
    assert len(edges) - 1 <= 90
    assert (edges[0], edges[-1]) == (100.0, 900.0)
    assert {name: values.sum() for name, values in joined.items()} == {"train": 1600, "test": 5}
    edges, joined = rebinned(np.arange(4.0), {"train": np.zeros(3, int)})
    assert joined["train"].sum() == 0


@pytest.mark.parametrize("linear_to", [None, 0.01])
def test_no_value_of_an_output_is_lost(linear_to):
    rng = np.random.default_rng(3)
    values = {"train": rng.normal(size=(5, 7)), "test": rng.normal(size=11) * 30}
    panel = value_histogram("shift", "shift (Hz)", values, linear_to=linear_to)
    assert {name: counts.sum() for name, counts in panel.counts.items()} == {
        "train": 35,
        "test": 11,
    }
    assert np.all(np.diff(panel.edges) > 0)
    assert panel.log_counts
    assert not value_histogram("zero", "zero", {"all": np.zeros(9)}).log_counts
    assert not value_histogram("mean", "mean", values, what="frames").log_counts


def test_rows_are_read_evenly_over_each_split(index):
    splits, _ = read_columns(index)
    picked = chosen(splits, 4)
    np.testing.assert_array_equal(picked["train"], [0, 10, 19, 29])
    np.testing.assert_array_equal(picked["test"], [30, 33, 36, 39])
    assert read_index(index).places(picked["test"]) == [("a.h5", k) for k in (30, 33, 36, 39)]
    assert sentence_of(picked, splits) == (
        "From the pixels of 4 of 30 train, 4 of 10 test samples, evenly over each split."
    )


def panels():
    edges = np.array([1.0, 2.0, 4.0, 8.0])
    counts = {"train": np.array([1, 2, 1]), "test": np.array([0, 5, 5])}
    return [
        Histogram("dose", "dose (photons)", edges, counts, scale="log", log_counts=True),
        Histogram("shift", "shift (Hz)", edges - 4, counts, "pixels", "asinh", 0.5),
        Bars("lens", "lens", ("SIE", "SIS"), {"train": {"SIE": 3, "SIS": 1}, "val": {"SIS": 2}}),
        Curve("profile", "r (px)", "counts", edges, {"train": edges**2}, log_y=True),
        Bars("molecule", "molecule", ("a" * 30, "b"), {"train": {"b": 1}}),
    ]


def test_what_is_drawn_are_shares_with_labels_units_limits_and_legends():
    with figures.styled():
        axes = draw_panels(panels()).axes
    assert [axis.get_title(loc="left") for axis in axes[:5]] == [
        *("dose", "shift", "lens", "profile", "molecule")
    ]
    assert [axis.get_xlabel() for axis in axes[:4]] == [
        *("dose (photons)", "shift (Hz)", "lens", "r (px)")
    ]
    assert [axis.get_ylabel() for axis in axes[:4]] == [
        *("share of samples", "share of pixels", "share of samples", "counts")
    ]
    steps = [patch for patch in axes[0].patches if isinstance(patch, StepPatch)]
    drawn = {patch.get_label(): patch.get_data().values for patch in steps}
    np.testing.assert_allclose(drawn["train"], [0.25, 0.5, 0.25])
    np.testing.assert_allclose(drawn["test"], [0.0, 0.5, 0.5])
    assert axes[0].get_xlim() == (1.0, 8.0)
    assert (axes[0].get_xscale(), axes[0].get_yscale()) == ("log", "log")
    assert axes[1].get_xscale() == "symlog"
    assert axes[1].get_ylim()[0] == 0
    assert [bar.get_height() for bar in axes[2].patches] == [0.75, 0.25, 0.0, 1.0]
    assert [text.get_text() for text in axes[2].get_legend().get_texts()] == ["train", "val"]
    assert axes[3].get_legend() is None
    assert axes[4].get_xticklabels()[0].get_text() == "a" * 17 + "…"
    assert not axes[5].axison


def test_a_page_is_the_same_text_every_time():
    assert panels_svg(panels()) == panels_svg(panels())


def test_shares_of_nothing_are_zero():
    np.testing.assert_array_equal(shares([0, 0]), [0.0, 0.0])


def test_splits_differ_in_color_brightness_and_dashes():
    styles = [style_of(name, 0) for name in SPLITS]
    assert len({style["color"] for style in styles}) == len(SPLITS)
    assert len({style["ls"] for style in styles}) == len(SPLITS)
    assert style_of("object", 0)["color"] == figures.SERIES[0]
    assert len({to_rgb(style["color"]) for style in styles}) == len(SPLITS)
