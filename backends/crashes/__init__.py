"""Crash records of hosts and guests: looked for, joined, followed, and their logs read."""
