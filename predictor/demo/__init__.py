"""The embedded model, a checkpoint directory of its own, and the scripts that made it."""
