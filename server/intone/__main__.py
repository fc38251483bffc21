"""``python -m intone`` is ``intone``."""

from intone.cli import main

if __name__ == "__main__":
    main()
