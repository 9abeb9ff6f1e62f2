"""The territory: areas and grids, coordinate systems, the spatial index, and the grid workers' door."""
