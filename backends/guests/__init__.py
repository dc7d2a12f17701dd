"""What else is done to a guest: dumping its memory, and setting what happens when it crashes."""
