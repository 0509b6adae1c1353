"""Rule lensing_formulas: roulette amplitudes as formulas."""

from simlab.lensing.formulas import write_formulas


def write_formula_files(kind, order, txt, json):
    """Write the formula file of a lens and the same as JSON.

    Parameters
    ----------
    kind : "SIS", "PM" or "SIE"
    order : int
    txt, json : path
    """
    write_formulas(txt, kind, order)
    write_formulas(json, kind, order)
