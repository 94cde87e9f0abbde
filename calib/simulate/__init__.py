"""Scenes with known truth, for tests, demonstrations and studies: the Moon first."""
