"""Constants of the force fields. Lengths in Å, energies in eV, charges in e, potentials in V."""

EVA2_NM = 16.0217662
"""One eV/Å² in N/m."""

KE_FORCEFIELD = 14.399644
"""Coulomb constant e²/(4 pi eps0) of the atomic force fields, eV Å."""

KE = 14.399645
"""Coulomb constant everywhere else, eV Å."""

BOHR = 0.5291772109217
"""Å."""

HARTREE = 27.211396132
"""eV."""

R2SAFE = 1e-6
"""Softening of squared distances, Å²."""
