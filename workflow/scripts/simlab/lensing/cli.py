"""`simlab lensing`: the scripts of the original tool as commands, with their options."""

import typer

from simlab.core.warned import each_told_once
from simlab.lensing.commands import (
    amplitudes,
    compare,
    datagen,
    datasetgen,
    explorer,
    roulettegen,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={
        "token_normalize_func": lambda token: token.replace("_", "-"),
        "help_option_names": ["-h", "--help"],
    },
)


@app.callback()
def plain_warnings(context: typer.Context):
    """Gravitational lensing: lensed pictures with roulette amplitudes."""
    context.with_resource(each_told_once())


for command in (datasetgen, datagen, roulettegen, compare, amplitudes, explorer):
    command.register(app)
