"""Measures every claim against its floor and against a textbook rival in the same run. See `./heyun bench`."""
