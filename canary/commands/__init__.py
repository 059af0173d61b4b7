"""The commands of r1-canary: each reads its arguments, opens what it needs, prints, and ends."""
