"""Forces and the motion under them."""
