"""The page of the explorer: controls on the left, pictures and tables on the right."""

import io
import time
from collections import deque
from html import escape
from pathlib import Path

import panel as pn
from tornado.ioloop import IOLoop

from simlab.core.errors import SimlabError
from simlab.lensing.errors import RowsError
from simlab.lensing.explorer import widgets
from simlab.lensing.explorer.cluster_editor import ClusterEditor
from simlab.lensing.explorer.html import PART_STYLE, figure, table
from simlab.lensing.explorer.pictures import (
    Details,
    Pictures,
    amplitude_csv,
    amplitude_rows,
    explore,
    png_bytes,
)
from simlab.lensing.explorer.worker import LatestWins
from simlab.lensing.rows import read_rows

SECTIONS = {
    "Simulator": ("model", "nterms", "imagesize", "sampled"),
    "Lens": ("lens", "einstein", "ratio", "orientation", "kappa_s", "r_s", "gamma1", "gamma2"),
    "Source": (
        "source",
        "profile",
        "sigma",
        "sigma2",
        "rotation",
        "n_sersic",
        "luminosity",
        "file",
    ),
    "Position": ("x", "y", "r", "theta"),
    "Picture": (
        "reflines",
        "critical",
        "marker",
        "maskmode",
        "mask",
        "showmask",
        "residual",
        "join",
        "components",
        "background",
        "resolution",
    ),
}
COPY = """
navigator.clipboard.writeText(text.value);
const label = button.label; button.label = "Copied"; setTimeout(() => button.label = label, 900);
"""


PAGE_STYLE = {"padding": "10px", "box-sizing": "border-box"}
CONTROLS_STYLE = {"max-height": "calc(100vh - 20px)", "overflow-y": "auto", "overflow-x": "hidden"}
"""The pictures stay in sight while the last of the controls are used."""


class Explorer:
    """The state of one page and its widgets.

    Parameters
    ----------
    state : State
        At the start.
    problem : str
        Shown at the start: what was wrong with the address of the page.
    """

    def __init__(self, state, problem=""):
        self._state, self._syncing = state, False
        self._error = ""
        self._pictures = self._details = None
        self._started = time.perf_counter()
        self._document, self._loop = pn.state.curdoc, IOLoop.current()
        self._results = deque()
        self._location = pn.state.location
        self._controls = {
            name: widgets.make_control(name) for names in SECTIONS.values() for name in names
        }
        for control in self._controls.values():
            control.on_change(self._changed)
        self._worker = LatestWins(explore, self._delivered)
        self._make_outputs()
        self._cluster = ClusterEditor(
            lambda text: self._apply(lambda: self._state.changed(cluster=text))
        )
        self._make_exchange()
        self._show_state()
        self._show_error(problem)
        # before, the browser would not yet see the answers
        pn.state.onload(self._request)

    def close(self):
        """End the thread of the page."""
        self._worker.close()

    # what the user does

    def _changed(self, name, value):
        if self._syncing or value is None:
            return
        self._apply(lambda: self._state.changed(**{name: value}))

    def _apply(self, make):
        """Take the state that `make` returns, or show why there is none."""
        try:
            self._state = make()
        except SimlabError as error:
            self._show_error(str(error))
            return
        self._show_error("")
        self._show_state()
        self._request()

    def _request(self):
        self._started = time.perf_counter()
        if not self._error:
            self._show_status("busy", "computing")
        self._worker.submit(self._state)

    # what the worker answers

    def _delivered(self, state, result):
        """Called in the thread of the worker, which must not touch the document."""
        self._results.append((state, result))
        self._loop.add_callback(self._document.add_next_tick_callback, self._show_results)

    def _show_results(self):
        while self._results:
            self._show_result(*self._results.popleft())

    def _show_result(self, state, result):
        if isinstance(result, Exception):
            if state == self._state:
                self._show_error(_reason(result))
            return
        if isinstance(result, Pictures):
            self._pictures = result
            milliseconds = 1e3 * (time.perf_counter() - self._started)
            self._actual.object = figure("img-actual", "Source", result.actual, state.resolution)
            self._distorted.object = figure(
                "img-distorted", "Lensed picture", result.distorted, state.resolution
            )
            self._timing = f"{state.imagesize} px in {milliseconds:.0f} ms"
            if result.status != "ok":
                self._timing += f", status {result.status}"
        elif isinstance(result, Details):
            self._show_details(result, state)
            if state == self._state and not self._error:
                self._show_status("ready", "ready")
                self._remember()

    def _remember(self):
        """The address of the page, and what is copied from it, follow the state."""
        if self._location is not None:
            self._location.search = "?" + self._state.query()
        self._row_text.value, self._yaml_text.value = self._state.csv(), self._state.yaml()

    # outputs

    def _make_outputs(self):
        def pane(name):
            return pn.pane.HTML(
                "", sizing_mode="stretch_width", stylesheets=[PART_STYLE], name=name
            )

        self._status, self._banner = pane("status"), pane("error")
        self._actual, self._distorted = pane("actual"), pane("distorted")
        self._residual, self._images, self._amplitudes = (
            pane("residual"),
            pane("images"),
            pane("amplitudes"),
        )
        self._timing = ""
        self._amplitude_text = pn.widgets.TextAreaInput(visible=False)

    def _show_status(self, kind, text):
        self._status.object = (
            f'<div class="{kind}"><span id="txt-status">{text}</span> '
            f'<span id="txt-time" class="note">{escape(self._timing)}</span></div>'
        )

    def _show_error(self, text):
        self._error = text
        self._banner.object = f'<div id="txt-error" role="alert">{escape(text)}</div>' * bool(text)
        if text:
            self._show_status("error", "error")

    def _show_details(self, details, state):
        self._details = details
        notes = "".join(f'<p class="note">{escape(note)}</p>' for note in details.notes)
        rows = [
            (f"{one.x:.4f}", f"{one.y:.4f}", f"{one.magnification:.4f}", one.parity,
             f"{one.arrival_time:.3f}")
            for one in details.images
        ]  # fmt: skip
        self._images.object = notes + table(
            "tbl-images", ("x, px", "y, px", "magnification", "parity", "arrival time, px²"), rows
        )
        self._show_amplitudes(details, notes)
        self._residual.visible = state.residual
        if details.residual is not None:
            found = details.residual
            caption = (
                "Roulette minus ray trace inside the region (black to white: &minus;max to max): "
                f'max <b id="txt-max">{found.maximum:.4g}</b>, '
                f'RMS <b id="txt-rms">{found.rms:.4g}</b> gray levels'
            )
            self._residual.object = figure("img-residual", caption, found.png, state.resolution)
        elif state.residual:
            self._residual.object = notes

    def _show_amplitudes(self, details, notes):
        if details.amplitudes is None:
            self._amplitudes.object, self._amplitude_text.value = notes, ""
            return
        head = (
            f'<p class="note">About the apparent position ({details.xi.real:.4f}, '
            f"{details.xi.imag:.4f}) px; the series converges within {details.r_conv:.4g} px.</p>"
        )
        rows = [
            (m, s, f"{alpha:.9g}", f"{beta:.9g}")
            for m, s, alpha, beta in amplitude_rows(details.amplitudes)
        ]
        self._amplitudes.object = head + table("tbl-amplitudes", ("m", "s", "alpha", "beta"), rows)
        self._amplitude_text.value = amplitude_csv(details.amplitudes)

    # controls

    def _show_state(self):
        """Let every control show the state, without calling back."""
        r, theta = self._state.polar
        values = {**self._state.model_dump(), "r": r, "theta": theta}
        self._syncing = True
        try:
            for name, control in self._controls.items():
                control.show(values[name], self._state.applies(name))
            self._cluster.show(self._state.cluster, self._state.applies("cluster"))
        finally:
            self._syncing = False

    # exchange of rows, configurations and pictures

    def _make_exchange(self):
        def area(label, html_id):
            return widgets.TextAreaInput(
                label=label, html_id=html_id, height=110, sizing_mode="stretch_width", disabled=True
            )

        self._row_text, self._yaml_text = area("CSV row", "txt-row"), area("YAML", "txt-yaml")
        self._table = widgets.TextInput(
            label="Table on this machine", html_id="ctl-table", placeholder="rows.csv", width=320
        )
        self._index = widgets.IntInput(label="Index", html_id="ctl-index", value=1, width=90)
        load = widgets.Button(label="Load row", html_id="btn-load", align="end")
        load.on_click(lambda event: self._apply(self._loaded))
        self._exchange = pn.Column(
            pn.Row(self._table, self._index, load),
            self._row_text,
            self._copy_button("Copy CSV row", "btn-copy-row", self._row_text),
            self._yaml_text,
            self._copy_button("Copy YAML", "btn-copy-yaml", self._yaml_text),
            sizing_mode="stretch_width",
        )
        self._save = widgets.FileDownload(
            callback=self._png, filename="explorer.png", label="Save PNG", html_id="btn-png"
        )
        self._save_amplitudes = pn.Row(
            self._copy_button("Copy CSV", "btn-copy-amplitudes", self._amplitude_text),
            widgets.FileDownload(
                callback=lambda: io.BytesIO(self._amplitude_text.value.encode()),
                filename="amplitudes.csv",
                label="Save CSV",
                html_id="btn-amplitudes",
            ),
            self._amplitude_text,
        )

    def _copy_button(self, label, html_id, text):
        button = widgets.Button(label=label, html_id=html_id)
        button.js_on_click(args={"text": text, "button": button}, code=COPY)
        return button

    def _loaded(self):
        path = Path(self._table.value.strip())
        rows = read_rows(path)
        wanted = self._index.value
        row = next((row for row in rows if row["index"] == wanted), None)
        if row is None:
            raise RowsError(f"{path}: no row with index {wanted}, it holds {len(rows)} rows")
        return self._state.from_row(row, path.parent)

    def _png(self):
        if self._pictures is None:
            raise RowsError("there is no picture yet")
        return io.BytesIO(png_bytes(self._pictures.plain))

    def view(self):
        """The whole page."""
        title = pn.pane.HTML("<h1>Gravitational lens explorer</h1>", stylesheets=[PART_STYLE])
        cards = [
            pn.Card(
                *(self._controls[name].view for name in names),
                title=title_text,
                collapsible=True,
                sizing_mode="stretch_width",
                margin=(0, 0, 8, 0),
            )
            for title_text, names in SECTIONS.items()
        ]
        tabs = pn.Tabs(
            ("Images", self._images),
            ("Amplitudes", pn.Column(self._save_amplitudes, self._amplitudes)),
            ("Cluster", self._cluster.view),
            ("Row and YAML", self._exchange),
            sizing_mode="stretch_width",
        )
        right = pn.Column(
            pn.Row(title, self._status, self._save, sizing_mode="stretch_width"),
            self._banner,
            pn.Row(self._actual, self._distorted, sizing_mode="stretch_width"),
            pn.Row(self._residual, tabs, sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
        )
        controls = pn.Column(*cards, width=345, styles=CONTROLS_STYLE)
        return pn.Row(controls, right, sizing_mode="stretch_width", styles=PAGE_STYLE)


def _reason(error):
    if isinstance(error, SimlabError):
        return str(error)
    return f"{type(error).__name__}: {error}"
