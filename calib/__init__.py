"""What the image says: calibration of the cameras of Venµs and Pléiades, as pure functions on xarray.

This package never imports the orchestrator (`flows`) nor the orbit (`orbit_aux`): where an acquisition was taken from arrives as a `Geometry`.
"""
