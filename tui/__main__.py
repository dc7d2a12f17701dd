"""`python -m tui` is the same as `virt-ferry`."""

from tui.cli import main

if __name__ == "__main__":
    main()
