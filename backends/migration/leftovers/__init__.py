"""What moves have left unfinished on hosts, seen from all of them at once, and what mends it."""
