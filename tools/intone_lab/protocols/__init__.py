"""Published projects, each as one protocol that a command runs: as its authors did, and by speaker."""
