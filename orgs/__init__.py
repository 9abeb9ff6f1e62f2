"""The parties: units, responsibility rules, social organizations, people, accounts and duty rosters."""
