import csv
import io
import socket
import threading

import cv2
import numpy as np
import pytest
import typer
import yaml
from typer.testing import CliRunner

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError, SimlabError
from simlab.lensing.commands import datagen, explorer
from simlab.lensing.config import DatasetConfig
from simlab.lensing.errors import LensError, LensingConfigError, RowsError
from simlab.lensing.explorer.pictures import (
    Details,
    Pictures,
    amplitude_csv,
    explore,
    plain_picture,
    png_bytes,
)
from simlab.lensing.explorer.state import State
from simlab.lensing.explorer.worker import LatestWins
from simlab.lensing.files.pictures import read_image
from simlab.lensing.joins import join_image
from simlab.lensing.parameters import draw_rows
from simlab.lensing.postprocess import to_uint8
from simlab.lensing.rows import eta_of, lens_of, read_rows, source_of
from simlab.lensing.simulate import simulate_row
from simlab.lensing.validation import validate_rows

SMALL = {"imagesize": 96, "resolution": 96}
SIE = {**SMALL, "lens": "SIE", "einstein": 20, "ratio": 0.7, "x": 6.5, "y": 3.25, "sigma": 5}
STATES = {
    "start": SMALL,
    "sie": SIE,
    "roulette": {**SIE, "model": "Roulette", "nterms": 9, "maskmode": True},
    "masked": {**SIE, "mask": True, "profile": "Gaussian", "source": "Ellipsoid"},
    "exact": {**SMALL, "model": "RouletteExact", "x": 9, "profile": "Gaussian"},
    "cluster": {**SIE, "lens": "Cluster", "cluster": "SIS/-9/0/12;SIE/9/3/8/0.6/30"},
    "nfw": {**SIE, "lens": "NFW", "gamma1": 0.05},
    "sampled": {**SIE, "sampled": True, "lens": "SIS", "nterms": 4},
    "triangle": {**SIE, "source": "Triangle", "sigma": 15},
}


def state_of(values):
    return State().changed(**values)


def decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


def command(module, *arguments):
    app = typer.Typer()
    module.register(app)
    done = CliRunner().invoke(app, arguments)
    if done.exit_code:
        raise done.exception


def explored(**values):
    return list(explore(state_of({**SMALL, **values})))


@pytest.fixture(params=STATES)
def state(request):
    return state_of(STATES[request.param])


def test_it_starts_as_the_users_tool_does():
    state = State()
    assert (state.model, state.lens, state.source, state.profile) == (
        "Raytrace",
        "PointMass",
        "Spherical",
        "Sersic",
    )
    assert (state.einstein, state.nterms, state.imagesize, state.background) == (20, 16, 512, 3)
    assert state.reflines


def test_cartesian_and_polar_positions_move_together():
    state = State().changed(x=3.0, y=4.0)
    assert state.polar == pytest.approx((5, np.degrees(np.arctan2(4, 3))))
    turned = state.changed(theta=90)
    assert turned.eta == pytest.approx(5j, abs=1e-12)
    assert turned.changed(r=2).eta == pytest.approx(2j, abs=1e-12)
    assert State().changed(x=1, y=-1).polar[1] == pytest.approx(315)


def test_the_address_holds_the_whole_state(state):
    assert State.from_query("?" + state.query()) == state


def test_bad_addresses_name_the_control():
    with pytest.raises(ConfigError, match="einstien: unknown key, did you mean einstein"):
        State.from_query("?einstien=3")
    with pytest.raises(ConfigError, match=r"einstein: .* equal to 100 \(found '900'\)"):
        State.from_query("?einstein=900")


def test_values_outside_their_range_are_refused():
    with pytest.raises(ConfigError, match="nterms"):
        State().changed(nterms=51)
    with pytest.raises(ConfigError, match="resolution"):
        State().changed(resolution=8)


def test_controls_without_effect_are_known():
    state = State()
    assert not any(state.applies(name) for name in ("ratio", "sigma2", "cluster", "join", "file"))
    assert state.applies("n_sersic")
    assert not state.changed(profile="Gaussian").applies("n_sersic")
    assert state.changed(lens="SIE").applies("ratio")
    roulette = state.changed(model="Roulette")
    assert roulette.applies("join")
    assert not roulette.applies("components")
    assert roulette.changed(join="components").applies("components")


def test_the_picture_is_that_of_the_row(state):
    expected = to_uint8(simulate_row(state.row(), state.settings()).image)
    assert np.array_equal(plain_picture(state), expected)
    pictures = next(explore(state.changed(reflines=False)))
    assert pictures.distorted == png_bytes(expected)


def test_the_copied_row_is_a_table_that_draws_the_same_picture(state, tmp_path):
    path = tmp_path / "explorer.csv"
    path.write_text(state.csv())
    rows = read_rows(path)
    assert [str(problem) for problem in validate_rows(rows, folder=tmp_path)] == []
    again = to_uint8(simulate_row(rows[0], state.settings()).image)
    assert np.array_equal(again, plain_picture(state))


def test_the_copied_configuration_draws_the_same_picture(state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "explorer.csv").write_text(state.csv())
    config = parse_config(DatasetConfig, yaml.safe_load(state.yaml()), "copied")
    rows = draw_rows(config) if config.size else read_rows(tmp_path / config.simulator.parameters)
    image = to_uint8(simulate_row(rows[0], config.settings()).image)
    assert np.array_equal(image, plain_picture(state))


def test_datagen_draws_the_exported_files(tmp_path):
    state = state_of({**SIE, "model": "Roulette", "source": "Ellipsoid"})
    (tmp_path / "e.csv").write_text(state.csv())
    (tmp_path / "e.yaml").write_text(state.yaml())
    arguments = [f"--csvfile={tmp_path / 'e.csv'}", f"--config={tmp_path / 'e.yaml'}"]
    command(datagen, *arguments, f"--directory={tmp_path / 'out'}")
    assert np.array_equal(read_image(tmp_path / "out" / "explorer.png"), plain_picture(state))


def test_a_port_in_use_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LensingConfigError, match=f"--port {port}: Address already in use"):
            command(explorer, f"--port={port}", "--no-show")


def test_a_row_becomes_a_state_with_the_same_picture(state):
    other = State().changed(
        imagesize=96, sampled=state.sampled, mask=state.settings().mask != "none"
    )
    loaded = other.from_row(state.row())
    assert np.array_equal(plain_picture(loaded), plain_picture(state))


def test_rows_of_the_original_program_can_be_loaded(data):
    for row in read_rows(data / "lensing" / "e2e" / "dataset.csv"):
        loaded = State().from_row(row)
        assert loaded.eta == eta_of(row)
        z, b = 31 - 12j, 2 + 1j
        assert lens_of(loaded.row()).deflection(z) == lens_of(row).deflection(z)
        again = source_of(loaded.row()).intensity(b)
        assert np.array_equal(again, source_of(row).intensity(b))


def test_loaded_lengths_are_angular():
    row = {**State().row(), "lens": "SIS", "chi_percent": 40.0, "x": 3.0, "y": 0.0}
    loaded = State().from_row(row)
    assert loaded.einstein == pytest.approx(50)
    assert loaded.row()["chi_percent"] == 100


def test_rows_without_a_control_are_refused():
    with pytest.raises(ConfigError, match="einstein"):
        State().from_row({**State().row(), "einsteinradius": 400.0})
    with pytest.raises(RowsError, match="sigma is missing"):
        State().from_row({**State().row(), "sigma": ""})
    cluster = State().changed(lens="Cluster").row()
    with pytest.raises(RowsError, match="chi = 100 %"):
        State().from_row({**cluster, "chi_percent": 50.0})


def test_states_without_meaning_are_errors():
    with pytest.raises(LensError, match="einstein"):
        explored(einstein=0)
    with pytest.raises(LensError, match="member 2"):
        explored(lens="Cluster", cluster="SIS/1/2/3;SIE/4")
    with pytest.raises(SimlabError):
        explored(source="Image", file="missing.png")


def test_pictures_are_shown_at_the_display_resolution():
    large, _ = explored(resolution=200)
    small, _ = explored(resolution=40)
    assert decoded(large.distorted).shape == decoded(large.actual).shape == (200, 200)
    assert decoded(small.distorted).shape == (40, 40)
    assert small.plain.shape == (96, 96)


def test_overlays_do_not_change_the_saved_picture():
    plain, _ = explored(**SIE, reflines=False)
    drawn, _ = explored(**SIE, critical=True, marker=True, showmask=True)
    assert np.array_equal(plain.plain, drawn.plain)
    shown = decoded(drawn.distorted)
    assert shown.shape == (96, 96, 3)
    assert np.count_nonzero(shown[:, :, 0] != shown[:, :, 2]) > 100
    assert decoded(plain.distorted).shape == (96, 96)


def test_the_image_list_has_magnifications_by_arrival():
    _, details = explored(lens="SIS", einstein=20, x=8)
    assert [(image.x, image.magnification) for image in details.images] == [
        (pytest.approx(28), pytest.approx(1 + 20 / 8)),
        (pytest.approx(-12), pytest.approx(1 - 20 / 8)),
    ]


def test_a_ring_has_notes_in_place_of_tables():
    pictures, details = explored()
    assert pictures.status == "ring"
    assert details.amplitudes is None
    assert details.images == []
    assert any("ring" in note for note in details.notes)


def test_the_residual_falls_with_the_order():
    worse, better = (
        explored(**{**SIE, "sigma": 3}, profile="Gaussian", residual=True, nterms=n)[1].residual
        for n in (2, 40)
    )
    assert worse.maximum > 5
    assert 0 < better.rms < better.maximum < 0.3 * worse.maximum
    assert decoded(better.png).shape == (96, 96)
    assert explored(**SIE)[1].residual is None


def test_amplitudes_are_those_of_the_apparent_position():
    _, details = explored(lens="SIS", einstein=20, x=8, nterms=3)
    table = list(csv.DictReader(io.StringIO(amplitude_csv(details.amplitudes))))
    assert [(row["m"], row["s"]) for row in table][:5] == [
        ("0", "1"), ("1", "0"), ("1", "2"), ("2", "1"), ("2", "3"),
    ]  # fmt: skip
    assert float(table[0]["alpha"]) == pytest.approx(-20)
    assert float(table[1]["alpha"]) == pytest.approx(-20 / 28 / 2)
    assert details.r_conv == pytest.approx(28)


def test_warnings_become_notes():
    _, details = explored(lens="SIS", sampled=True, x=8, nterms=9)
    assert any("noise" in note for note in details.notes)


def test_joined_pictures_are_those_of_the_library():
    roulette = {**SIE, "model": "Roulette", "background": 0}
    state = state_of({**roulette, "join": "images"})
    row, eta = state.row(), state.eta
    expected = join_image(lens_of(row), source_of(row), eta, 96, 16)
    assert np.array_equal(plain_picture(state), to_uint8(expected))
    single = plain_picture(state.changed(join="secondary", components=1))
    assert np.array_equal(single, plain_picture(state_of({**roulette, "maskmode": True})))
    with pytest.raises(LensError, match="there is no image 16"):
        explored(**{**roulette, "join": "secondary", "components": 16})
    several = plain_picture(state.changed(join="components", components=3))
    assert np.count_nonzero(several) > np.count_nonzero(single)


def test_the_worker_leaves_out_superseded_requests():
    started, go_on, seen = threading.Event(), threading.Event(), []
    finished = threading.Event()

    def work(request):
        started.set()
        go_on.wait(10)
        yield f"{request} first"
        yield f"{request} second"

    def deliver(request, result):
        seen.append(result)
        if result == "last second":
            finished.set()

    worker = LatestWins(work, deliver)
    worker.submit("one")
    started.wait(10)
    for request in ("two", "three", "last"):
        worker.submit(request)
    go_on.set()
    assert finished.wait(10)
    assert seen == ["one first", "last first", "last second"]
    worker.close()


def test_the_worker_survives_errors():
    results, done = [], threading.Event()

    def work(request):
        if request == "bad":
            raise LensError("no such lens")
        yield request

    def deliver(request, result):
        results.append(result)
        done.set()

    worker = LatestWins(work, deliver)
    worker.submit("bad")
    assert done.wait(10)
    done.clear()
    worker.submit("good")
    assert done.wait(10)
    assert isinstance(results[0], LensError)
    assert results[1] == "good"
    worker.close()


def test_pictures_come_before_details():
    assert [type(part) for part in explored(**SIE)] == [Pictures, Details]
