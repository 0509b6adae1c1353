"""Names of parameters: columns of the SB35 tables, presets, short names, spellings."""

from simlab.halo.errors import ParameterTableError

SB35 = [
    "Omega0",
    "sigma8",
    "WindEnergyIn1e51erg",
    "RadioFeedbackFactor",
    "VariableWindVelFactor",
    "RadioFeedbackReiorientationFactor",
    "OmegaBaryon",
    "HubbleParam",
    "n_s",
    "MaxSfrTimescale",
    "FactorForSofterEQS",
    "IMFslope",
    "SNII_MinMass_Msun",
    "ThermalWindFraction",
    "VariableWindSpecMomentum",
    "WindFreeTravelDensFac",
    "MinWindVel",
    "WindEnergyReductionFactor",
    "WindEnergyReductionMetallicity",
    "WindEnergyReductionExponent",
    "WindDumpFactor",
    "SeedBlackHoleMass",
    "BlackHoleAccretionFactor",
    "BlackHoleEddingtonFactor",
    "BlackHoleFeedbackFactor",
    "BlackHoleRadiativeEfficiency",
    "QuasarThreshold",
    "QuasarThresholdPower",
    "UVBH0beta",
    "UVBH0Deltaz",
    "UVBHepbeta",
    "UVBHepDeltaz",
    "SNIa_Rate_Norm",
    "SNIa_Rate_DTD_power",
    "SofteningComovingType01",
]
PRESETS = {
    "core15": tuple(SB35[:15]),
    "sb35": tuple(SB35),
    "cosmo5": tuple(SB35[column] for column in (0, 1, 6, 7, 8)),
}
# Amplitudes of the CAMELS papers: a column in units of its fiducial value.
SHORT_NAMES = {
    "A_SN1": ("WindEnergyIn1e51erg", 3.6),
    "A_AGN1": ("RadioFeedbackFactor", 1.0),
    "A_SN2": ("VariableWindVelFactor", 7.4),
    "A_AGN2": ("RadioFeedbackReiorientationFactor", 20.0),
}
SPELLINGS = (
    # The simulation code misspells its own parameter; tables have it both ways.
    ("RadioFeedbackReiorientationFactor", "RadioFeedbackReorientationFactor"),
    # Tables of the LH, CV and EX sets, and those of SB35.
    ("Omega0", "Omega_m"),
    ("sigma8", "sigma_8"),
)
"""Names of one column each."""
HEADERS = ("Omega0", "OmegaBaryon", "HubbleParam")
"""Columns that snapshots tell, too."""
NAME_COLUMNS = ("Name", "#Name", "name")
NO_PARAMETERS = (*NAME_COLUMNS, "sim", "seed", "")


def spellings(name):
    """All names of the column that `name` is one of."""
    return next((names for names in SPELLINGS if name in names), (name,))


def column_names(columns):
    """Names of a preset, or of a list of names, as a tuple."""
    if isinstance(columns, str):
        if columns not in PRESETS:
            raise ParameterTableError(
                f"columns {columns!r} is no preset ({', '.join(PRESETS)}) and no list of names"
            )
        return PRESETS[columns]
    return tuple(columns)
