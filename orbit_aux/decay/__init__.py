"""Orbits that end: decay through the air, and what leaving sooner takes."""
