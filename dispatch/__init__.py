"""The case and everything about it, from any door: intake, match decision, transitions, clocks, notices, oversight."""
