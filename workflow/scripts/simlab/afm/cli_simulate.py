"""`simlab afm simulate`: one sample scanned, with the options of the original programs."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

INPUTS = "Input"
TIP = "Tip"
FIELD = "Force field"
RESULTS = "Results"

NOT_OFFERED = (
    "bias, IETS, KPFM, Boltzmann and spline options of the original programs are not offered"
)


class SimulateCommand(TyperCommand):
    """A command that says which of the original options there are not."""

    def parse_args(self, ctx, args):
        """Parse the command line."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if hasattr(error, "possibilities"):  # an unknown option, whose class is private
                error.message = f"{error.message} ({NOT_OFFERED})"
            raise


def _option(*names, panel, help, default=True):
    return typer.Option(*names, rich_help_panel=panel, help=help, show_default=default)


def simulate(
    input: Annotated[
        Path,
        _option(
            "-i",
            "--input",
            panel=INPUTS,
            help="Molecule (xyz; Å, e), or Hartree potential with atoms (cube, xsf, npz)",
        ),
    ],
    output: Annotated[Path, _option("-o", "--output", panel=RESULTS, help="Folder")] = Path("."),
    input_format: Annotated[
        str | None,
        _option(
            "-F",
            "--input_format",
            panel=INPUTS,
            help="xyz, cube, xsf or npz, not by the suffix",
            default="by the suffix",
        ),
    ] = None,
    output_format: Annotated[
        str, _option("-f", "--output_format", panel=RESULTS, help="npz, npy or xsf")
    ] = "npz",
    params: Annotated[
        Path | None,
        _option(
            "--params",
            panel=INPUTS,
            help="Parameters: scan, cantilever, tip",
            default="params.ini or params.toml here, else those of an empty file",
        ),
    ] = None,
    klat: Annotated[
        float | None,
        _option("--klat", panel=TIP, help="Lateral stiffness, N/m", default="params, 0.25"),
    ] = None,
    krange: Annotated[
        tuple[float, float, int] | None,
        _option(
            "--krange", panel=TIP, help="kmin kmax n: lateral stiffnesses, N/m", default="none"
        ),
    ] = None,
    charge: Annotated[
        float | None,
        _option("-q", "--charge", panel=TIP, help="Charge of the tip, e", default="params, 0"),
    ] = None,
    qrange: Annotated[
        tuple[float, float, int] | None,
        _option("--qrange", panel=TIP, help="qmin qmax n: charges of the tip, e", default="none"),
    ] = None,
    Amplitude: Annotated[
        float | None,
        _option(
            "-a", "--Amplitude", panel=TIP, help="Oscillation, peak to peak, Å", default="params, 1"
        ),
    ] = None,
    arange: Annotated[
        tuple[float, float, int] | None,
        _option("--arange", panel=TIP, help="Amin Amax n: oscillations, Å", default="none"),
    ] = None,
    tip: Annotated[
        str | None,
        _option(
            "-t",
            "--tip",
            panel=TIP,
            help="Multipole: s, px, py, pz, dz2, ... times charge",
            default="params, s",
        ),
    ] = None,
    sigma: Annotated[
        float | None,
        _option(
            "-w", "--sigma", panel=TIP, help="Width of the multipole, Å", default="params, 0.7"
        ),
    ] = None,
    tip_dens: Annotated[
        str | None,
        _option(
            "--tip_dens",
            panel=TIP,
            help="File of the tip's electron density, e/Å³, or model_co",
            default="none",
        ),
    ] = None,
    tip_delta_dens: Annotated[
        Path | None,
        _option(
            "--tip_delta_dens",
            panel=TIP,
            help="File of the change of the tip's electron density, e/Å³",
            default="tip_dens less its cores",
        ),
    ] = None,
    Rcore: Annotated[
        float, _option("--Rcore", panel=TIP, help="Radius of the cores in tip_dens, Å")
    ] = 0.7,
    density: Annotated[
        Path | None,
        _option(
            "--density",
            panel=INPUTS,
            help="File of the sample's electron density, e/Å³: full-density-based model",
            default="none",
        ),
    ] = None,
    density_cutoff: Annotated[
        float | None,
        _option("--density_cutoff", panel=FIELD, help="Largest density, e/Å³", default="none"),
    ] = None,
    potential_scale: Annotated[
        float,
        _option(
            "--potential_scale",
            panel=INPUTS,
            help="Factor of the potential to V: -1 for the energy of an electron, eV",
        ),
    ] = -1.0,
    charges: Annotated[
        str, _option("--charges", panel=INPUTS, help="Of the xyz file: check, ignore or trust")
    ] = "check",
    Apauli: Annotated[
        float | None,
        _option(
            "-A",
            "--Apauli",
            panel=FIELD,
            help="Scale of the Pauli overlap, eV Å^(6B-3)",
            default="params, 18",
        ),
    ] = None,
    Bpauli: Annotated[
        float | None,
        _option("-B", "--Bpauli", panel=FIELD, help="Its exponent", default="params, 1"),
    ] = None,
    ffModel: Annotated[
        str | None,
        _option(
            "--ffModel",
            panel=FIELD,
            help="LJ, Morse or vdW (damped dispersion alone)",
            default="params, LJ",
        ),
    ] = None,
    noPBC: Annotated[
        bool, _option("--noPBC", panel=FIELD, help="No periodic images of the atoms")
    ] = False,
    df: Annotated[
        bool, _option("--df", panel=RESULTS, help="Only pictures of the frequency shift, Hz")
    ] = False,
    save_df: Annotated[
        bool, _option("--save_df", panel=RESULTS, help="Only the stack of it, Hz")
    ] = False,
    Fz: Annotated[
        bool, _option("--Fz", panel=RESULTS, help="Also the vertical force on the tip, eV/Å")
    ] = False,
    energy: Annotated[
        bool, _option("-E", "--energy", panel=RESULTS, help="Also the energy of the tip, eV")
    ] = False,
    pos: Annotated[
        bool, _option("--pos", panel=RESULTS, help="Also the places of the probe particle, Å")
    ] = False,
    atoms: Annotated[
        bool, _option("--atoms", panel=RESULTS, help="Draw the atoms into the pictures")
    ] = False,
    cbar: Annotated[bool, _option("--cbar", panel=RESULTS, help="Draw color bars, Hz")] = False,
    relax: Annotated[str, _option("--relax", panel=FIELD, help="newton or fire")] = "newton",
    backend: Annotated[
        str, typer.Option("--backend", help="numba, opencl or auto: what computes")
    ] = "numba",
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads")] = 1,
    force: Annotated[
        bool,
        _option("--force", panel=RESULTS, help="Replace results of other inputs and parameters"),
    ] = False,
):
    """Frequency-shift images of one sample, with pictures; a range gives a folder for each scan."""
    import numba

    from simlab.afm.scan_outputs import Wanted
    from simlab.afm.scan_series import Series, run_series

    given = locals()
    names = [field.name for field in dataclasses.fields(Series) if field.name != "wanted"]
    wanted = Wanted(
        form=output_format,
        stack=save_df or not df,
        pictures=df or not save_df,
        force=Fz,
        energy=energy,
        positions=pos,
        atoms=atoms,
        colorbar=cbar,
    )
    series = Series(**{name: given[name] for name in names}, wanted=wanted)
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    for folder, scan in run_series(series):
        nx, ny, n = scan.df.shape
        scanner = scan.afmulator.scanner
        print(f"Wrote {folder}: {n} slices of {nx} x {ny} pixels", flush=True)
        if scanner.n_unconverged:
            print(f"  marked {scanner.n_unconverged} points not converged")
        if scanner.left_box:
            print("  marked the probe particle left the force-field box")
