"""What the image says: calibration of the cameras of Venµs and Pléiades, as pure functions on xarray.

This package never imports the orchestrator (`flows`) nor the orbit (`orbit_aux`): where an acquisition was taken from arrives as a `Geometry`.
"""

import warnings

# images of the sky and of the sensor have no place on the ground
warnings.filterwarnings("ignore", message="Dataset has no geotransform")
