"""intone measured: a paced load on a real server, and its cost beside other pipelines."""
