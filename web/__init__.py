"""Everything Tornado: handlers, sessions, the live stream, tiles and the launcher's commands. Wires the packages together."""
