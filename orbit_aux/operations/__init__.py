"""Operations: orbits designed, kept, changed and left. Mean elements are those of `orbit_aux.motion.mean_elements`."""
