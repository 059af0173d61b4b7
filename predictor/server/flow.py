"""A connection's flow: when it is read, how long that may take, how it is closed."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl


class Timer:
    """Calls back once after its time, which stands still from ``pause`` to ``resume``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._is_paused = False
        self._handle: asyncio.TimerHandle | None = None
        # While paused.
        self._left_s: float | None = None

    def start(self, delay_s: float) -> None:
        self.stop()
        if self._is_paused:
            self._left_s = delay_s
        else:
            self._handle = self._loop.call_later(delay_s, self._fire)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._left_s = None

    def pause(self) -> None:
        self._is_paused = True
        if self._handle is not None:
            self.start(self._handle.when() - self._loop.time())

    def resume(self) -> None:
        self._is_paused = False
        if self._left_s is not None:
            self.start(self._left_s)

    def _fire(self) -> None:
        self._handle = None
        self._callback()


class StallTimer:
    """Calls back when a transport's unsent bytes have not grown fewer for ``delay_s``."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        delay_s: float,
        callback: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._delay_s = delay_s
        self._callback = callback
        self._timer = Timer(loop, self._on_time)

    def start(self) -> None:
        self._num_unsent_bytes = self._transport.get_write_buffer_size()
        self._timer.start(self._delay_s)

    def stop(self) -> None:
        self._timer.stop()

    def _on_time(self) -> None:
        if self._transport.get_write_buffer_size() < self._num_unsent_bytes:
            self.start()
        else:
            self._callback()


class Flow(FlowControl):
    """Flow control whose timer stands still while we do not read."""

    def __init__(self, transport: asyncio.Transport, timer: Timer) -> None:
        super().__init__(transport)
        self._timer = timer

    def pause_reading(self) -> None:
        super().pause_reading()
        self._timer.pause()

    def resume_reading(self) -> None:
        super().resume_reading()
        self._timer.resume()


class Transport:
    """A transport with another way to close."""

    def __init__(
        self, inner: asyncio.Transport, close: Callable[[], None], is_closing: Callable[[], bool]
    ) -> None:
        self._inner = inner
        self.close = close
        self.is_closing = is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
