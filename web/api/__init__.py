"""HTTP handlers, one file per resource; each ends with its own list of routes."""
