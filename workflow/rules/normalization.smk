"""Target rule of the normalization statistics of all domains."""


localrules:
    normalization,


rule normalization:
    """Normalization statistics of every data set."""
    input:
        campaign.files("normalization.json"),
