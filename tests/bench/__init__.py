"""Measurements: tables with a known truth, and commands that check the counts before they print a time."""
