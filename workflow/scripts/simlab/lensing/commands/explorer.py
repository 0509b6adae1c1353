"""`simlab lensing explorer`: a lens to play with, in the browser."""

from typing import Annotated

import typer


def explorer(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the page")] = 5006,
    show: Annotated[bool, typer.Option("--show/--no-show", help="Open it in a browser")] = True,
):
    """Serve the interactive explorer at 127.0.0.1 until interrupted."""
    from simlab.lensing.errors import LensingConfigError

    try:
        from simlab.lensing.explorer.server import start_server
    except ModuleNotFoundError as error:
        raise LensingConfigError(
            f"the explorer needs the package {error.name}: install panel"
        ) from None
    try:
        start_server(port, show)
    except OSError as error:
        raise LensingConfigError(f"--port {port}: {error.strerror or error}") from None


def register(app):
    """Add the command to `app`."""
    app.command("explorer")(explorer)
