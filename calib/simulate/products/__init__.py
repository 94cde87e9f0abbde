"""Complete synthetic products in the formats of the ground segments: headers of our own making, images, masks; with a known truth."""
