"""Sockets and time: one thread, epoll, a timer of nanoseconds; no asyncio, whose timers round."""
