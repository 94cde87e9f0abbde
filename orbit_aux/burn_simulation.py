"""Simulated burns with their truth, for tests, demonstrations and Monte Carlo (under construction)."""

from __future__ import annotations
