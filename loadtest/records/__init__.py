"""Records on disk: written by each worker, merged into one run, read in chunks."""
