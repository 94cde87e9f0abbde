"""Keeping, changing and ending an orbit."""
