"""Published projects, each a protocol that one command runs: as published, and by speaker."""
