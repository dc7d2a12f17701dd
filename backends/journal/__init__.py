"""What moves have done and where they stand, on this machine's disk: it outlives the program. See journal.Journal."""
