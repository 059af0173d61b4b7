"""A run: what is sent when, by how many processes, and what is seen meanwhile."""
