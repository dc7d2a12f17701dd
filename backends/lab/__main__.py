"""`python -m backends.lab`: see commands.py."""

from backends.lab.commands import main

main()
