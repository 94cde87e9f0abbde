"""An orbit through a burn, from counted Doppler."""
