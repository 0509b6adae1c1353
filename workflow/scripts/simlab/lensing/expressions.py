"""Arithmetic expressions from text, without running any of it as code.

Allowed are numbers, named variables, + - * / ** ( ) and sqrt, sin, cos, asin, asinh, log. A text
becomes a program in reverse Polish notation, which is evaluated with numbers of any kind.
"""

import re
from dataclasses import dataclass

import numpy as np

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator>\*\*|[-+*/()]))"
)
FUNCTIONS = ("sqrt", "sin", "cos", "asin", "asinh", "log")
NAMES_IN_NUMPY = {"asin": "arcsin", "asinh": "arcsinh"}
DEEPEST = 100
SUM, PRODUCT, POWER, ATOM = range(4)
"""Binding strength, weakest first."""


class ExpressionError(ValueError):
    """A text is no such expression."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes
    ----------
    program : tuple of (str, str)
        Steps ("number", digits), ("name", variable), ("call", function), ("operator", sign), with
        the sign "neg" for a leading minus.
    names : frozenset of str
        Variables that occur.
    """

    program: tuple
    names: frozenset

    @property
    def is_product(self):
        """Whether the outermost operation is a multiplication or division."""
        return self.program[-1] in (("operator", "*"), ("operator", "/"))

    def evaluate(self, values, number, functions):
        """Value of the expression.

        Parameters
        ----------
        values : dict
            Numbers or arrays by variable.
        number : callable
            Digits -> number.
        functions : dict
            Functions by name.
        """
        stack = []
        for what, text in self.program:
            if what == "number":
                stack.append(number(text))
            elif what == "name":
                stack.append(values[text])
            elif what == "call":
                stack.append(functions[text](stack.pop()))
            elif text == "neg":
                stack.append(-stack.pop())
            else:
                second, first = stack.pop(), stack.pop()
                stack.append(OPERATIONS[text](first, second))
        return stack.pop()

    def latex(self):
        """The expression as LaTeX mathematics."""
        stack = []
        for what, text in self.program:
            if what in ("number", "name"):
                stack.append((text, ATOM))
            elif what == "call":
                stack.append((_latex_call(text, stack.pop()[0]), ATOM))
            elif text == "neg":
                stack.append(("-" + _bracketed(stack.pop(), PRODUCT), SUM))
            else:
                second, first = stack.pop(), stack.pop()
                stack.append(_latex_operation(text, first, second))
        return stack.pop()[0]


OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}
LONG_FUNCTIONS = {name: getattr(np, NAMES_IN_NUMPY.get(name, name)) for name in FUNCTIONS}
"""Functions of arrays in the widest float of the machine."""


def parse(text, names):
    """An expression from text.

    Parameters
    ----------
    text : str
    names : collection of str
        Variables that may occur.

    Raises
    ------
    ExpressionError
        Naming what was found and what is allowed.
    """
    parser = _Parser(_tokens(text), frozenset(names))
    parser.sum(0)
    if parser.next is not None:
        raise ExpressionError(f"{parser.next[1]!r} where the expression should end")
    used = frozenset(name for what, name in parser.program if what == "name")
    return Expression(tuple(parser.program), used)


def long_number(digits):
    """Digits as the widest float of the machine."""
    return np.longdouble(digits)


def _tokens(text):
    position, found = 0, []
    while text[position:].strip():
        match = TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"{text[position:].strip()[:12]!r} is not allowed")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


class _Parser:
    """Recursive descent; `program` grows while the text is read."""

    def __init__(self, tokens, names):
        self.tokens = iter(tokens)
        self.names = names
        self.program = []
        self.next = next(self.tokens, None)

    def take(self):
        token = self.next
        self.next = next(self.tokens, None)
        return token

    def sees(self, *operators):
        return self.next is not None and self.next[0] == "operator" and self.next[1] in operators

    def expect(self, operator):
        if not self.sees(operator):
            found = "the end" if self.next is None else repr(self.next[1])
            raise ExpressionError(f"expected {operator!r}, found {found}")
        self.take()

    def sum(self, depth):
        if depth > DEEPEST:
            raise ExpressionError(f"more than {DEEPEST} levels of brackets")
        self.product(depth)
        while self.sees("+", "-"):
            _, sign = self.take()
            self.product(depth)
            self.program.append(("operator", sign))

    def product(self, depth):
        self.signed(depth)
        while self.sees("*", "/"):
            _, sign = self.take()
            self.signed(depth)
            self.program.append(("operator", sign))

    def signed(self, depth):
        negative = False
        while self.sees("+", "-"):
            negative ^= self.take()[1] == "-"
        self.power(depth)
        if negative:
            self.program.append(("operator", "neg"))

    def power(self, depth):
        self.atom(depth)
        if self.sees("**"):
            self.take()
            if depth > DEEPEST:
                raise ExpressionError(f"more than {DEEPEST} levels of powers")
            self.signed(depth + 1)
            self.program.append(("operator", "**"))

    def atom(self, depth):
        if self.next is None:
            raise ExpressionError("ends too early")
        what, text = self.take()
        if what == "number":
            self.program.append((what, text))
        elif what == "name" and self.sees("("):
            if text not in FUNCTIONS:
                raise ExpressionError(f"function {text!r}: expected {', '.join(FUNCTIONS)}")
            self.take()
            self.sum(depth + 1)
            self.expect(")")
            self.program.append(("call", text))
        elif what == "name":
            if text not in self.names:
                raise ExpressionError(
                    f"variable {text[:80]!r}: expected {', '.join(sorted(self.names))}"
                )
            self.program.append((what, text))
        elif text == "(":
            self.sum(depth + 1)
            self.expect(")")
        else:
            raise ExpressionError(f"{text!r} where a number is expected")


def _bracketed(part, least):
    text, strength = part
    return text if strength >= least else rf"\left({text}\right)"


def _latex_call(function, argument):
    if function == "sqrt":
        return rf"\sqrt{{{argument}}}"
    name = {"asin": r"\arcsin", "asinh": r"\operatorname{arsinh}"}.get(function, "\\" + function)
    return rf"{name}\left({argument}\right)"


def _latex_operation(sign, first, second):
    if sign == "+":
        return f"{first[0]} + {_bracketed(second, PRODUCT)}", SUM
    if sign == "-":
        return f"{first[0]} - {_bracketed(second, PRODUCT)}", SUM
    if sign == "/":
        return rf"\frac{{{first[0]}}}{{{second[0]}}}", PRODUCT
    if sign == "**":
        return f"{_bracketed(first, ATOM)}^{{{second[0]}}}", POWER
    link = r" \cdot " if second[0][0].isdigit() else r" \, "
    return _bracketed(first, PRODUCT) + link + _bracketed(second, PRODUCT), PRODUCT
