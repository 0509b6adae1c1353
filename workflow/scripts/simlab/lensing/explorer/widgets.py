"""Widgets of the explorer, made from the fields of its state."""

from typing import Literal, get_args, get_origin

import panel as pn
import param

from simlab.lensing.explorer.state import State

IDS = {"n_sersic": "sersic", "theta": "theta"}
"""Ids that are not called like their control."""
POLAR = {"r": ("r, px", 0.0, 100.0, 0.01), "theta": ("theta, degrees", 0.0, 360.0, 0.1)}
"""Controls derived from others: label, low, high, step."""
NUMBER_WIDTH = 92
NUMBER_FORMAT = "0[.][000]"


def identified(widget):
    """Subclass of a Panel widget with parameter `html_id`, the id of its element.

    It answers at once: Panel waits 50 ms for further changes, which costs half of the time that a
    slider may take, and the worker leaves out what is superseded anyway.
    """
    extra = {"html_id": param.String(None, allow_None=True), "_debounce": 0}
    return type(widget.__name__, (widget,), extra)


FloatSlider = identified(pn.widgets.FloatSlider)
IntSlider = identified(pn.widgets.IntSlider)
FloatInput = identified(pn.widgets.FloatInput)
IntInput = identified(pn.widgets.IntInput)
Select = identified(pn.widgets.Select)
Checkbox = identified(pn.widgets.Checkbox)
TextInput = identified(pn.widgets.TextInput)
TextAreaInput = identified(pn.widgets.TextAreaInput)
Button = identified(pn.widgets.Button)
FileDownload = identified(pn.widgets.FileDownload)
Tabulator = identified(pn.widgets.Tabulator)


def html_id(name):
    """Id of the element of control `name`."""
    return f"ctl-{IDS.get(name, name)}"


class Control:
    """A widget, or a slider with a field for numbers, that shows one value.

    Attributes
    ----------
    name : str
        Field of State, or r, theta.
    view : panel object
        To be laid out.
    """

    def __init__(self, name, widgets, view):
        self.name, self._widgets, self.view = name, widgets, view

    def show(self, value, enabled=True):
        """Show a value; the control is grayed out unless `enabled`."""
        for widget in self._widgets:
            widget.param.update(value=value, disabled=not enabled)

    def on_change(self, handle):
        """Call `handle(name, value)` when the user changes the value."""
        for widget in self._widgets:
            widget.param.watch(lambda event: handle(self.name, event.new), "value")


def make_control(name):
    """The Control of a field of State, or of the derived r and theta."""
    if name in POLAR:
        label, low, high, step = POLAR[name]
        return _slider(name, label, low, high, step, whole=False)
    field = State.model_fields[name]
    label, limits = field.description, field.json_schema_extra
    if limits:
        return _slider(name, label, **limits, whole=isinstance(field.default, int))
    options = {"label": label, "html_id": html_id(name), "value": field.default}
    if field.annotation is bool:
        widget = Checkbox(**options, sizing_mode="stretch_width")
    elif get_origin(field.annotation) is Literal:
        choices = list(get_args(field.annotation))
        widget = Select(**options, options=choices, sizing_mode="stretch_width")
    else:
        widget = TextInput(**options, sizing_mode="stretch_width")
    return Control(name, [widget], widget)


def _slider(name, label, low, high, step, whole):
    kinds = (IntSlider, IntInput) if whole else (FloatSlider, FloatInput)
    slider = kinds[0](
        label=label,
        html_id=html_id(name),
        start=low,
        end=high,
        step=step,
        show_value=False,
        sizing_mode="stretch_width",
    )
    number = kinds[1](
        label="",
        html_id=html_id(name).replace("ctl-", "num-"),
        step=step,
        format=None if whole else NUMBER_FORMAT,
        width=NUMBER_WIDTH,
    )
    view = pn.Row(slider, number, sizing_mode="stretch_width", css_classes=["slider"])
    return Control(name, [slider, number], view)
