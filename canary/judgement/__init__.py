"""Evidence that two revisions differ, valid at every look, and the verdict it carries."""
