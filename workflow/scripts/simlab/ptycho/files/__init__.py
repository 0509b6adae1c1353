"""Readers and writers of ptychography, one module a format.

archive: npz with the legacy metadata member, npy. hdf5: opening, complex numbers, attributes,
compression. inputs: stage-1 files, objects, probes, masks. coordinates: scan positions.
shards: the frames of one job. published: simulated.npz and simulated.h5. readers: the tolerant
reader of data sets. grouped: groups of neighboring frames. products: where other programs keep
object, probe and frames in HDF5.
"""
