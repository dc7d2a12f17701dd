"""What a user can do, in one registry."""
