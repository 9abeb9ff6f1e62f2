"""The rows of the table of transitions, one module for each part of a case's life. Pure data."""
