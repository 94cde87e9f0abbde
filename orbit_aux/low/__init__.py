"""A low orbit from positions, Doppler and range."""
