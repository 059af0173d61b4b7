"""The first token of a service that was scaled to zero, split by what it waited for."""
