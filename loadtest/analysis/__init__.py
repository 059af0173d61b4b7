"""From records to verdicts: pure, in memory that does not grow with the run."""
