"""Orbits chosen and reached: Sun-synchronous, repeating, frozen; impulses and long transfers."""
