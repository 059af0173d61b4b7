"""What ``r1-loadtest`` can be told to do, a module a command."""
