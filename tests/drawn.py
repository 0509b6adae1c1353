"""Contact sheets as matplotlib has them: what the tests of all domains' pictures look at."""

from simlab.core import figures


def drawn(monkeypatch, module, draw, path):
    """The figure that `draw(path)` saves through `module`, which has the house style."""
    kept = []

    def keep(figure, path, dpi):
        kept.append(figure)
        figures_save(figure, path, dpi)

    figures_save = figures.save_png
    monkeypatch.setattr(module, "save_png", keep)
    draw(path)
    [figure] = kept
    return figure


def panels(figure, rows, columns):
    """The axes of a figure row by row, without color bars."""
    axes = [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]
    assert len(axes) == rows * columns
    return [axes[columns * row : columns * (row + 1)] for row in range(rows)]


def titles(row):
    """Titles of a row of axes."""
    return [axis.get_title(loc="left") for axis in row]


def bar_of(axis):
    """(length, text) of the scale bar in an axis."""
    from matplotlib.patches import Rectangle

    [bar] = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
    return bar.get_width(), axis.texts[0].get_text()


def units(figure):
    """Labels of the color bars."""
    bars = [axis for axis in figure.axes if axis.get_label() == "<colorbar>"]
    return [axis.get_ylabel() or axis.get_xlabel() for axis in bars]
