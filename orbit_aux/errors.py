"""The one error of the orbit package."""

from __future__ import annotations


class OrbitError(ValueError):
    """A refusal: one line that names the thing, its value and the remedy."""
