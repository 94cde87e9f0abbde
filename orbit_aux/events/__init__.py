"""When: eclipses, station passes, nodes, ground tracks, visits to sites, of any trajectory about the Earth."""
