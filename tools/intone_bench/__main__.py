"""``python -m intone_bench``."""

from intone_bench.cli import main

if __name__ == "__main__":
    main()
