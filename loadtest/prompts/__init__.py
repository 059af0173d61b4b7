"""What is asked: seeded prompts, files of them, conversations, problems with known answers."""
