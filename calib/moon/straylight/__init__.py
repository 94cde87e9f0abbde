"""Residual stray light around the Moon: local ghosts (CT1) and crosstalk between bands (CT2), found in the dark sky, applied as a correction."""
