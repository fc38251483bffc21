"""``python -m intone_lab``."""

from intone_lab.cli import main

main()
