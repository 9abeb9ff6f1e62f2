"""The 12345 door: callers and tickets."""
