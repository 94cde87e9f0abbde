"""The Moon as a standard: from its image to a gain per band."""
