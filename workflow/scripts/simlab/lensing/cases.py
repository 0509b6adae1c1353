"""A row of a table as a lens, a source and a position."""

from dataclasses import dataclass

from simlab.lensing.formulas import check_formulas, formula_amplitudes
from simlab.lensing.rows import (
    chi_of,
    eta_of,
    finite_row,
    lens_of,
    model_of,
    order_of,
    source_of,
)
from simlab.lensing.sampled import sampled_lens

RAY_TRACED = ("Raytrace", "RouletteExact")
"""Models drawn with the exact lens mapping."""


@dataclass(frozen=True)
class Case:
    """A row whose cells became a lens, a source and a position.

    Attributes
    ----------
    row : mapping
    settings : SimulationSettings
    lens : Lens, angular
    source : Source
    eta : complex
        Source position, px.
    model : str
        Raytrace, Roulette or RouletteExact.
    order : int
        Of the roulette series.
    chi : float
        Ratio of the distances of lens and source.
    formulas : Formulas or None
        Amplitudes that stand in for those of the lens.
    """

    row: dict
    settings: object
    lens: object
    source: object
    eta: complex
    model: str
    order: int
    chi: float
    formulas: object = None

    def amplitudes(self, xi):
        """Amplitudes G[m, s] at `xi` to the order of the row."""
        if self.formulas is None:
            return self.lens.amplitudes(xi, self.order)
        return formula_amplitudes(self.formulas, self.lens, xi, self.order)

    def beta(self, theta):
        """Source point seen at `theta`."""
        return theta - self.lens.deflection(theta)

    @property
    def is_roulette(self):
        """Whether the picture is drawn from amplitudes."""
        return self.model != "Raytrace"


def case_of(row, settings, *, folder=None, formulas=None):
    """The Case of a row.

    Parameters
    ----------
    row : mapping
        Column -> text or number; numbers that are not finite are empty cells.
    settings : SimulationSettings
    folder : path, optional
        That files named in the row are relative to.
    formulas : Formulas, optional
        Amplitudes to use in place of the closed forms of the lens.

    Raises
    ------
    RowsError, LensError
        For a row without meaning, and for formulas that are not for its lens and order.
    """
    row, model = finite_row(row), model_of(row)
    lens = lens_of(row, chi_column=settings.chi_column, folder=folder, lookup=settings.lookup)
    if settings.sampled and lens.members is not None:
        lens = sampled_lens(lens, settings.imagesize, settings.lookup)
    order = order_of(row, settings)
    if formulas is not None:
        check_formulas(formulas, lens, order)
    return Case(
        row=row,
        settings=settings,
        lens=lens,
        source=source_of(row, folder=folder, settings=settings),
        eta=eta_of(row),
        model=model,
        order=order,
        chi=chi_of(row, settings.chi_column),
        formulas=formulas,
    )
