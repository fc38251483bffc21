"""What the command line's processes end with; docs/python.md tells them."""

FAILED, WRONG_USE = 1, 2

INTERRUPTED = 130
"""What a shell expects after Ctrl-C."""
