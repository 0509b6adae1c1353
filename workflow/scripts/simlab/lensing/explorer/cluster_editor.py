"""The table of the members of a cluster."""

import pandas as pd
import panel as pn

from simlab.lensing.explorer import widgets

MEMBERS = {"kind": "SIS", "x": 0.0, "y": 0.0, "einstein": 10.0, "ratio": None, "orientation": None}
"""Columns of the cluster table, and a new member."""


SHAPE = {"ratio": 1.0, "orientation": 0.0}


class ClusterEditor:
    """A table to edit, and buttons for more or fewer rows.

    Parameters
    ----------
    take : callable
        Called with the text of the cluster when the user has changed it.
    """

    def __init__(self, take):
        self._take = take
        self._table = widgets.Tabulator(
            pd.DataFrame(columns=list(MEMBERS)),
            html_id="ctl-cluster",
            show_index=False,
            layout="fit_columns",
            height=190,
            sizing_mode="stretch_width",
            editors={"kind": {"type": "list", "values": ["SIS", "SIE", "PM"]}},
        )
        self._add = widgets.Button(label="Add member", html_id="btn-add-member")
        self._remove = widgets.Button(label="Remove last", html_id="btn-remove-member")
        self._table.on_edit(lambda event: self._changed(self._rows()))
        self._add.on_click(lambda event: self._changed([*self._rows(), MEMBERS]))
        self._remove.on_click(lambda event: self._changed(self._rows()[:-1]))
        buttons = pn.Row(self._add, self._remove)
        self.view = pn.Column(self._table, buttons, sizing_mode="stretch_width")

    def show(self, text, enabled):
        """Show the members that `text` describes; grayed out unless `enabled`."""
        frame = pd.DataFrame(members_of(text), columns=list(MEMBERS))
        for column in list(MEMBERS)[1:]:
            frame[column] = pd.to_numeric(frame[column], errors="coerce")
        if not frame.equals(self._table.value):
            self._table.value = frame
        for widget in (self._table, self._add, self._remove):
            widget.disabled = not enabled

    def _rows(self):
        return self._table.value.to_dict("records")

    def _changed(self, rows):
        self._take(text_of_members(rows))


def members_of(text):
    """Rows of the table, one mapping of text a member; None where a number is not given."""
    rows = []
    for member in text.split(";"):
        cells = [*member.split("/"), *[None] * len(MEMBERS)]
        rows.append(dict(zip(MEMBERS, cells, strict=False)))
    return rows


def text_of_members(rows):
    """Text of the cluster in a table; a SIE without ratio or orientation has 1 and 0."""
    texts = []
    for row in rows:
        names = list(MEMBERS)[1:] if row["kind"] == "SIE" else list(MEMBERS)[1:4]
        numbers = [SHAPE.get(n, "") if pd.isna(row[n]) else row[n] for n in names]
        texts.append("/".join([str(row["kind"]), *(_text(number) for number in numbers)]))
    return ";".join(texts)


def _text(number):
    return number if isinstance(number, str) else repr(float(number))
