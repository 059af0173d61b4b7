"""What a prompt becomes on the wire, and what comes back means: no I/O."""
