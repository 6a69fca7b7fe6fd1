"""HDF5 files, as far as Keras and h5py write them: groups, attributes that are texts, shapes and types of datasets.

Source: the HDF5 file format specification, version 3.0. Why not a library: pyfive needs numpy, takes half a second to
import, and a changed byte may make it run without an end; h5py hands a hostile file to 17 MB of C.
"""

from paramcount.formats.hdf5.objects import Dataset, Group, Values, open_root

__all__ = ["Dataset", "Group", "Values", "open_root"]
