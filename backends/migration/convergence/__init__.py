"""Will a live move get small enough for its switch? Figures from samples, and what to do about it. All of it pure."""
