import json
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from lensing_reference import FOLDER, SINGLE_LENSES, amplitudes_of, json_entries, worst_of_orders
from typer import Typer
from typer.testing import CliRunner

from simlab.lensing.clusters import make_cluster
from simlab.lensing.commands.amplitudes import register
from simlab.lensing.errors import LensError, MissingRowsError, RowsError
from simlab.lensing.exact import exact_amplitudes
from simlab.lensing.expressions import LONG_FUNCTIONS, ExpressionError, long_number, parse
from simlab.lensing.formula_text import formula_lines, formula_table, potential_gradient
from simlab.lensing.formulas import (
    formula_amplitudes,
    read_formulas,
    write_formulas,
    write_formulas_tex,
)
from simlab.lensing.lenses import make_lens
from simlab.lensing.symbolic import symbolic_lines

PARAMETERS = {"einstein_radius": 40, "ratio": 0.6, "orientation_deg": 30}
POINTS = np.array([60 + 35j, 33 - 70j, -12 + 4j])


def value(text, **variables):
    expression = parse(text, set(variables))
    numbers = {name: np.longdouble(number) for name, number in variables.items()}
    return float(expression.evaluate(numbers, long_number, LONG_FUNCTIONS))


@pytest.mark.parametrize(("name", "kind"), [("sis08", "SIS"), ("pm06", "PM"), ("sie02", "SIE")])
def test_files_of_the_original_program_have_the_values_of_the_closed_forms(name, kind):
    formulas = read_formulas(FOLDER / "amplitude_files" / f"{name}.txt")
    assert formulas.order == int(name[-2:])
    G = formulas.amplitudes(POINTS, **PARAMETERS)
    expected = make_lens(kind, **PARAMETERS).amplitudes(POINTS, formulas.order)
    for one, other in zip(G, expected, strict=True):
        assert worst_of_orders(one, other) < 1e-12


@pytest.mark.parametrize(
    ("kind", "order"), [("SIS", 8), ("SIS", 50), ("PM", 6), ("PointMass", 50), ("SIE", 5)]
)
def test_written_files_have_the_values_of_the_closed_forms(kind, order, tmp_path):
    write_formulas(tmp_path / "f.txt", kind, order)
    G = read_formulas(tmp_path / "f.txt").amplitudes(POINTS, **PARAMETERS)
    expected = make_lens(kind, **PARAMETERS).amplitudes(POINTS, order)
    for one, other in zip(G, expected, strict=True):
        assert worst_of_orders(one, other) < 1e-12


def test_formulas_beyond_order_fifty_keep_their_digits(tmp_path):
    (tmp_path / "f.txt").write_text(
        "\n".join(line for line in formula_lines("SIS", 90) if line.startswith(("90:", "0:")))
    )
    G = read_formulas(tmp_path / "f.txt").amplitudes(60 + 35j, einstein_radius=40)
    expected = make_lens("SIS", einstein_radius=40).amplitudes(60 + 35j, 90)
    np.testing.assert_allclose(G[90], expected[90], rtol=1e-11)


@pytest.mark.parametrize(("order", "number"), [(0, 1), (8, 29), (50, 701)])
def test_files_hold_all_amplitudes_in_order(order, number):
    lines = formula_lines("SIS", order)
    assert len(lines) == number
    keys = [tuple(map(int, line.split(":")[:2])) for line in lines]
    assert keys == sorted(keys)


def test_lines_are_short_closed_forms():
    assert formula_lines("SIS", 2) == [
        "0:1:-g*x/sqrt(x**2 + y**2):-g*y/sqrt(x**2 + y**2)",
        "1:0:-g/(2*sqrt(x**2 + y**2)):0",
        "1:2:g*(x**2 - y**2)/(2*(x**2 + y**2)**(3/2)):g*x*y/(x**2 + y**2)**(3/2)",
        "2:1:3*g*x/(4*(x**2 + y**2)**(3/2)):3*g*y/(4*(x**2 + y**2)**(3/2))",
        "2:3:-3*g*(x**3 - 3*x*y**2)/(4*(x**2 + y**2)**(5/2))"
        ":-3*g*(3*x**2*y - y**3)/(4*(x**2 + y**2)**(5/2))",
    ]
    assert formula_lines("PM", 1)[1:] == [
        "1:0:0:0",
        "1:2:g**2*(x**2 - y**2)/(x**2 + y**2)**2:2*g**2*x*y/(x**2 + y**2)**2",
    ]


@pytest.mark.parametrize(("kind", "order"), [("SIS", 4), ("PM", 4), ("SIE", 2)])
def test_symbolic_differentiation_gives_the_same_amplitudes(kind, order, tmp_path):
    (tmp_path / "f.txt").write_text("\n".join(symbolic_lines(kind, order)))
    G = read_formulas(tmp_path / "f.txt").amplitudes(60 + 35j, **PARAMETERS)
    expected = make_lens(kind, **PARAMETERS).amplitudes(60 + 35j, order)
    assert worst_of_orders(G, expected) < 1e-12


@pytest.mark.parametrize("kind", ["SIS", "PM", "SIE"])
def test_the_gradient_is_the_deflection(kind):
    x, y = potential_gradient(formula_lines(kind, 1))
    lens = make_lens(kind, **PARAMETERS)
    variables = {"x": 60, "y": 35, "g": 40, "f": 0.6, "p": np.radians(30)}
    found = complex(value(x, **variables), value(y, **variables))
    assert found == pytest.approx(lens.deflection(60 + 35j), rel=1e-13)


def test_gradients_of_sums_are_negated_as_a_whole():
    assert potential_gradient(["0:1:-x - y:-g*x"]) == ("-(-x - y)", "g*x")


@pytest.mark.parametrize("number", [0, 2, 3, 4])
def test_numbers_at_a_point_agree_with_the_independent_values(number):
    entry = json_entries("amplitudes")[number]
    (lens,) = entry["lens"]
    point = [*entry["xi"], lens["einstein_radius"]]
    if lens["kind"] == "SIE":
        point += [lens["ratio"], mpmath.radians(lens["orientation_deg"])]
    G = np.zeros((entry["nterms"] + 1, entry["nterms"] + 2), np.complex128)
    for (m, s), (alpha, beta) in exact_amplitudes(lens["kind"], entry["nterms"], point).items():
        G[m, s] = complex(alpha, beta)
    assert worst_of_orders(G, amplitudes_of(entry)) < 1e-14


def test_more_digits_are_more_digits():
    few = exact_amplitudes("SIE", 7, ("60", "35", "40", "0.6", "0.5"), 20)
    many = exact_amplitudes("SIE", 7, ("60", "35", "40", "0.6", "0.5"), 60)
    with mpmath.workdps(60):
        for key, pair in few.items():
            for one, other in zip(pair, many[key], strict=True):
                assert abs(one - other) <= abs(other) * mpmath.mpf("1e-19")


def test_tables_hold_exact_constants():
    table = formula_table("SIS", 3)
    assert table["lens"], table["order"] == ("SIS", 3)
    constants = {(one["m"], one["s"]): Fraction(one["constant"]) for one in table["amplitudes"]}
    z, g = 60 + 35j, 40
    G = make_lens("SIS", einstein_radius=g).amplitudes(z, 3)
    for (m, s), constant in constants.items():
        expected = float(constant) * g * abs(z) ** -m * np.exp(1j * s * np.angle(z))
        assert G[m, s] == pytest.approx(expected, rel=1e-13)


def test_tables_of_ellipsoids_hold_polynomials_of_any_order():
    table = formula_table("SIE", 9)
    f, p, g, z = 0.6, np.radians(30), 40, 60 + 35j
    w = z * np.exp(-1j * p)
    u, v, Q = w.real, w.imag, w.real**2 + f * f * w.imag**2
    G = make_lens("SIE", **PARAMETERS).amplitudes(z, 9)
    assert len(table["amplitudes"]) == 35
    for one in table["amplitudes"][1:]:
        m, s = one["m"], one["s"]
        P = sum(
            complex(Fraction(re), Fraction(im)) * u**i * v**j * f**k
            for i, j, k, re, im in one["terms"]
        )
        frame = g * np.sqrt(f) / 2 * P * Q ** (0.5 - m)
        frame *= abs(z) ** (-2 * m) if s == m + 1 else 1
        assert abs(np.exp(1j * s * p) * frame - G[m, s]) < 1e-9 * np.abs(G[m]).max()


def test_formulas_stand_in_for_lenses():
    formulas = read_formulas(FOLDER / "amplitude_files" / "sis08.txt")
    lens = make_cluster([make_lens("SIS", einstein_radius=9, x=3, y=4), SINGLE_LENSES["Shear"]])
    G = formula_amplitudes(formulas, lens, 30 + 20j, 5)
    np.testing.assert_allclose(G, lens.amplitudes(30 + 20j, 5), rtol=1e-12, atol=1e-18)
    with pytest.raises(LensError, match="order 9: the formulas end at 8"):
        formula_amplitudes(formulas, lens, 30 + 20j, 9)
    with pytest.raises(LensError, match="lens SIE: by their variables, the formulas are for SIS"):
        formula_amplitudes(formulas, SINGLE_LENSES["SIE"], 30 + 20j, 5)
    with pytest.raises(LensError, match="center of a lens"):
        formula_amplitudes(formulas, lens, 3 + 4j, 5)


def test_lines_may_come_in_any_order_and_miss_zeros(tmp_path):
    (tmp_path / "f.txt").write_text("1:2:g*x:0\n\n 0:1: -x : 1/2 \n")
    G = read_formulas(tmp_path / "f.txt").amplitudes(3 + 4j, einstein_radius=2)
    assert G.tolist() == [[0, -3 + 0.5j, 0], [0, 0, 6]]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("2 + 3*4", 14),
        ("-2**2", -4),
        ("2**-1", 0.5),
        ("2**3**2", 512),
        ("8/4/2", 1),
        ("5 - 3 - 1", 1),
        ("-(1 - 4)*--2", 6),
        ("(1/3)*3 + 1.5e1", 16),
        ("sqrt(9) + sin(0) + cos(0) + asin(0) + asinh(0) + log(1)", 4),
        ("x**2*y", 18),
    ],
)
def test_expressions_follow_the_rules_of_arithmetic(text, result):
    assert value(text, x=3, y=2) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ends too early"),
        ("x +", "ends too early"),
        ("x y", "'y' where the expression should end"),
        ("(x", "expected '\\)', found the end"),
        ("x^2", "'\\^2' is not allowed"),
        ("__import__('os')", "is not allowed"),
        ("exec(x)", "function 'exec': expected sqrt"),
        ("x.real", "'.real' is not allowed"),
        ("z + 1", "variable 'z': expected x, y"),
        ("*x", "'\\*' where a number is expected"),
        ("(" * 200 + "x" + ")" * 200, "levels of brackets"),
    ],
)
def test_anything_but_arithmetic_is_refused(text, message):
    with pytest.raises(ExpressionError, match=message):
        parse(text, {"x", "y"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0:1:x\n", "line 1: expected m:s:ALPHA:BETA, found '0:1:x'"),
        ("0:1:x:y\n1:one:x:y\n", "line 2: expected m:s:ALPHA:BETA"),
        ("0:1:x:y\n1:1:x:y\n", "line 2: no amplitude 1:1"),
        ("0:1:x:y\n0:1:x:y\n", "line 2: amplitude 0:1 occurs twice"),
        ("0:1:x:open(y)\n", "line 1: function 'open'"),
        ("\n", "no amplitudes"),
    ],
)
def test_files_with_other_lines_are_refused(text, message, tmp_path):
    (tmp_path / "f.txt").write_text(text)
    with pytest.raises(RowsError, match=message):
        read_formulas(tmp_path / "f.txt")


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "f.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RowsError, match="not a UTF-8 text file"):
        read_formulas(tmp_path / "f.txt")
    with pytest.raises(MissingRowsError, match="file not found"):
        read_formulas(tmp_path / "none.txt")


def test_values_that_are_not_finite_are_refused():
    formulas = read_formulas(FOLDER / "amplitude_files" / "sie02.txt")
    with pytest.raises(LensError, match="need the axis ratio"):
        formulas.amplitudes(3 + 4j, einstein_radius=2)
    with pytest.raises(LensError, match="not finite"):
        formulas.amplitudes(0j, **PARAMETERS)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (formula_lines, ("NFW", 3), "formulas of 'NFW': expected SIS, PM, PointMass, SIE"),
        (formula_lines, ("SIE", 6), "formulas are written up to 5"),
        (formula_lines, ("SIS", 201), "order 201"),
        (symbolic_lines, ("SIS", 9), "expected 0 to 8"),
        (exact_amplitudes, ("SIE", 3, (1, 2, 3)), "expected x,y,g,f,p"),
        (exact_amplitudes, ("SIS", 3, (0, 0, 3)), "at its center"),
        (exact_amplitudes, ("SIE", 3, (1, 2, 3, 1, 0)), "expected a number in"),
        (exact_amplitudes, ("PM", 3, (1, 2, -3)), "g = -3"),
    ],
)
def test_requests_without_an_answer_are_refused(make, arguments, message):
    with pytest.raises(LensError, match=message):
        make(*arguments)


def test_documents_hold_one_equation_an_expression(tmp_path):
    write_formulas_tex(tmp_path / "f.tex", formula_lines("SIE", 2), "SIE")
    text = (tmp_path / "f.tex").read_text()
    assert text.startswith("\\documentclass")
    assert text.count("\\[") == text.count("\\]") == 10
    assert text.count("{") == text.count("}")
    assert text.count("\\left(") == text.count("\\right)")
    assert "\\alpha^{1}_{2} = " in text


def test_fractions_and_powers_are_set_as_such():
    assert parse("-3*g*(x - y)/(4*x**(5/2))", "xyg").latex() == (
        r"\frac{\left(-3\right) \, g \, \left(x - y\right)}{4 \, x^{\frac{5}{2}}}"
    )
    assert parse("sqrt(x) + asin(y)", "xy").latex() == r"\sqrt{x} + \arcsin\left(y\right)"


@pytest.fixture
def command():
    app = Typer()
    register(app)
    app.command("other")(lambda: None)

    def run(*arguments, code=0):
        result = CliRunner().invoke(app, ["amplitudes", *map(str, arguments)])
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_the_command_prints_or_writes_the_lines(command, tmp_path):
    expected = "".join(line + "\n" for line in formula_lines("PM", 3))
    assert command(3, 2, "--lens", "PM") == expected
    assert command(3, "--lens", "PM", "--output", tmp_path / "pm.txt") == ""
    assert (tmp_path / "pm.txt").read_text() == expected


def test_the_command_prints_numbers_tables_gradients_and_documents(command, tmp_path):
    table = json.loads(command(2, "--json"))
    assert table["amplitudes"][1] == {"m": 1, "s": 0, "constant": "-1/2"}
    numbers = json.loads(command(2, "--eval", "3,4,10"))["amplitudes"]
    assert numbers[0] == {"m": 0, "s": 1, "alpha": -6.0, "beta": -8.0}
    digits = json.loads(command(1, "--eval", "3,4,10,0.5,0", "--lens", "SIE", "--digits", 30))
    assert len(digits["amplitudes"][0]["alpha"]) > 28
    assert command(4, "--diff") == "psi_x:g*x/sqrt(x**2 + y**2)\npsi_y:g*y/sqrt(x**2 + y**2)\n"
    assert command(2, "--tex", tmp_path / "sis.tex") == ""
    assert (tmp_path / "sis.tex").exists()
    assert "g*x*y" in command(1, "--method", "symbolic")


def test_the_command_refuses_points_that_are_no_numbers(command):
    command(2, "--eval", "3,4,ten", code=2)
