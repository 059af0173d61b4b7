"""Progressive rollouts of an InferenceService; nothing is released here yet."""
