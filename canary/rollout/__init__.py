"""A rollout's state and what to do next, without a clock, a network or a cluster."""
