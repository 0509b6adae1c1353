"""Target rule of the consistency checks of all domains."""


localrules:
    checks,


rule checks:
    """Consistency checks of every data set."""
    input:
        campaign.files("checks.json"),
