"""Orbits kept: ground track, local time and eccentricity by planned manoeuvres, and what to watch."""
