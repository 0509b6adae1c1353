"""`simlab <domain> <command>`: what the original tools offered, and what all domains share."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from simlab import __version__
from simlab.core.errors import SimlabError, abridged
from simlab.core.plan import TIME_LIMIT_MINUTES

MAX_PROBLEMS = 10


def plan_command(
    campaign: Annotated[Path, typer.Argument(help="Campaign file, YAML")],
    slots: Annotated[
        int | None, typer.Option(min=1, help="Jobs at a time; by default one a CPU of this machine")
    ] = None,
    time_limit: Annotated[
        int, typer.Option(min=1, help="Minutes that a cluster gives a job")
    ] = TIME_LIMIT_MINUTES,
):
    """Print samples, shards, jobs, bytes, memory and time of a campaign; run nothing."""
    from simlab.campaign import load_campaign
    from simlab.core.plan import plan_report
    from simlab.core.yaml_files import read_yaml

    estimates = load_campaign(read_yaml(campaign), str(campaign)).estimates()
    print(plan_report(estimates, slots or os.cpu_count(), time_limit))


def verify_command(
    folders: Annotated[list[Path], typer.Argument(help="Data set folders or manifests")],
):
    """Hash again the files that manifests name; exit 1 and a line for each difference."""
    from simlab.core.manifest import require_verified

    require_verified(folders)
    print(f"{len(folders)} verified")


def package_command(
    folder: Annotated[Path, typer.Argument(help="Folder of a data set whose checks passed")],
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="webdataset, consolidated, croissant or card; repeat it; default: all that fit"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder; default: packages/<domain>/<data set>"),
    ] = None,
    megabytes: Annotated[float, typer.Option(help="Size of a tar file, MB of 10^6 bytes")] = 256,
):
    """Write a data set as WebDataset, one HDF5 file, Croissant description and card."""
    from simlab.packages import (
        kinds_of,
        make_package,
        open_finished,
        require_possible,
        write_package_manifest,
    )

    source = open_finished(folder)
    output = output or Path("packages", source.dataset.domain, folder.resolve().name)
    kinds = kind or kinds_of(source)
    require_possible(folder, output, kinds)
    for name in kinds:
        for path in make_package(folder, name, output, megabytes=megabytes):
            print(path)
    print(write_package_manifest(folder, output))


def _ptycho():
    from simlab.ptycho.cli import app

    return app


def _afm():
    from simlab.afm.cli import app

    return app


def _halo():
    from simlab.halo.cli import app

    return app


def _calcium():
    from simlab.calcium.cli import app

    return app


def _lensing():
    from simlab.lensing.cli import app

    return app


DOMAINS = {
    "ptycho": ("Ptychography: diffraction patterns with ground truth", _ptycho),
    "afm": ("Atomic force microscopy: image stacks and descriptors of molecules", _afm),
    "halo": ("Halo maps: paired simulations as multi-scale training samples", _halo),
    "calcium": ("Calcium movies: one-photon microscopy with ground truth", _calcium),
    "lensing": ("Gravitational lensing: lensed pictures with roulette amplitudes", _lensing),
}


def _show_version(asked: bool):
    if asked:
        print(f"simlab {__version__}")
        raise typer.Exit


def root_app(called):
    """The whole command line; only the domain `called` is imported."""
    app = typer.Typer(
        help="Training data from simulated imaging systems.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"token_normalize_func": _with_dashes},
    )

    @app.callback()
    def options(
        version: Annotated[
            bool, typer.Option("--version", callback=_show_version, is_eager=True)
        ] = False,
    ):
        pass

    for domain, (help_text, load) in DOMAINS.items():
        if domain == called:
            app.add_typer(load(), name=domain, help=help_text)
        else:
            app.command(domain, help=help_text)(lambda: None)
    app.command("plan")(plan_command)
    app.command("verify")(verify_command)
    app.command("package")(package_command)
    return app


def _with_dashes(token):
    return token.replace("_", "-")


def main(arguments=None):
    """Run the command line; any SimlabError is reported on stderr and exits with 1."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.INFO)
    try:
        root_app(arguments[0] if arguments else None)(args=arguments, prog_name="simlab")
    except SimlabError as error:
        print(f"Error: {abridged(error, MAX_PROBLEMS)}", file=sys.stderr)
        raise SystemExit(1) from None
    except MemoryError as error:
        print(f"Error: not enough memory ({error})", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
