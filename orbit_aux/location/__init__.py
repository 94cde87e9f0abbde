"""Where pixels look: on the ground and in the sky."""
