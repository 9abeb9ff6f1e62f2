"""The verbs of `./heyun` that need the project's own environment: setting up a city, serving it, accounts, audits, measuring."""
