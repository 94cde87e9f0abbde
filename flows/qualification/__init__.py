"""The acceptance of a new version: two sets of results, product by product, against stated tolerances."""
