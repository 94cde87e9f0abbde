"""Orbits by command: inputs, what is written, pages."""
