"""Files with boundaries, as administrators have them: GeoJSON (also gzipped), zipped Shapefile, GeoPackage.

`grid.files.reading.read_boundaries` turns bytes into `grid.boundaries.Boundary`; nothing here touches the network, and only the
GeoPackage is written to a (private, bounded) temporary file. What is too large, of the wrong kind or says something else than the
caller is refused before its features are read.
"""
