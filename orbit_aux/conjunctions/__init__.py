"""Close approaches: probability of collision, and what avoids it."""
