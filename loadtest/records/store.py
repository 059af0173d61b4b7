"""Records on their way to disk: each worker writes two files, which ``merge`` makes one run of.

worker-K.records    rows of RECORD in order of completion
worker-K.gaps       int64 ns, the gaps of those rows one after the other
"""

import os
import struct
from array import array
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from loadtest.errors import LoadtestError, UsageError
from loadtest.exchange import Exchange
from loadtest.record import NEVER, RECORD, Correctness, FinishReason, Outcome

BUFFER_BYTES: Final = 256 * 1024

# RECORD has no padding and int16, uint8, int32 and int64 columns alone.
CODES: Final = {"|u1": "B", "<i2": "h", "<i4": "i", "<i8": "q"}
ROW: Final = struct.Struct("<" + "".join(CODES[RECORD[name].str] for name in RECORD.names or ()))


def records_path(directory: Path, worker: int) -> Path:
    """Where that worker's rows are until they are merged."""
    return directory / f"worker-{worker}.records"


def gaps_path(directory: Path, worker: int) -> Path:
    """Where that worker's gaps are until they are merged."""
    return directory / f"worker-{worker}.gaps"


class Writer:
    """One worker's records; times are made relative to ``epoch_ns``.

    A row is on disk once it is flushed. Raises UsageError where the files cannot be made, and
    LoadtestError where they cannot be written: nothing is dropped, another flush goes on from the
    byte that was written last.
    """

    def __init__(self, directory: Path, worker: int, epoch_ns: int) -> None:
        self._worker = worker
        self._epoch_ns = epoch_ns
        self._rows = bytearray()
        self._gaps: array[int] = array("q")
        self._num_gaps = 0
        # Gaps first, here and in flush: a row on disk has its gaps there too.
        self._gaps_file = _Part(gaps_path(directory, worker))
        self._rows_file = _Part(records_path(directory, worker))

    def add(
        self,
        exchange: Exchange,
        correctness: Correctness,
        local_prompt_tokens: int,
        local_output_tokens: int,
    ) -> None:
        """Take a finished exchange; local counts are NEVER without a tokenizer."""
        assert exchange.outcome is not None, "the exchange is still under way"
        epoch = self._epoch_ns
        usage = exchange.usage
        sent = exchange.sent
        first_byte = exchange.first_byte
        first_chunk = exchange.first_chunk
        last_chunk = exchange.last_chunk
        # In the order of RECORD; without a call per time, since every request passes here.
        self._rows += ROW.pack(
            exchange.index,
            self._worker,
            exchange.prompt.turn,
            exchange.outcome,
            correctness,
            exchange.finish_reason,
            exchange.is_reused,
            exchange.status,
            exchange.scheduled - epoch,
            exchange.started - epoch if exchange.started != NEVER else NEVER,
            sent - epoch if sent != NEVER else NEVER,
            first_byte - epoch if first_byte != NEVER else NEVER,
            first_chunk - epoch if first_chunk != NEVER else NEVER,
            last_chunk - epoch if last_chunk != NEVER else NEVER,
            exchange.finished - epoch,
            exchange.connect,
            exchange.num_chunks,
            exchange.num_coalesced,
            self._num_gaps,
            exchange.prompt.asked_prompt_tokens,
            exchange.prompt.asked_output_tokens,
            local_prompt_tokens,
            local_output_tokens,
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.reasoning_tokens,
            len(exchange.body),
            exchange.response_bytes,
        )
        self._gaps.fromlist(exchange.gaps)
        self._num_gaps += len(exchange.gaps)
        if len(self._rows) >= BUFFER_BYTES or len(self._gaps) * 8 >= BUFFER_BYTES:
            self.flush()

    def add_not_sent(self, index: int, scheduled: int) -> None:
        """Take a request that was due at ``scheduled`` of CLOCK_MONOTONIC and never sent."""
        self._rows += ROW.pack(
            index,
            self._worker,
            0,
            Outcome.NOT_SENT,
            Correctness.UNCHECKED,
            FinishReason.UNKNOWN,
            0,
            NEVER,
            scheduled - self._epoch_ns,
            *(NEVER,) * 6,
            *(0, 0, 0, self._num_gaps),
            *(NEVER,) * 7,
            *(0, 0),
        )
        if len(self._rows) >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered."""
        if self._gaps:
            self._gaps_file.pending += self._gaps.tobytes()
            del self._gaps[:]
        self._gaps_file.write()
        self._rows_file.pending += self._rows
        self._rows.clear()
        self._rows_file.write()

    def close(self) -> None:
        """Flush, and close the files even where that fails."""
        try:
            self.flush()
        finally:
            self._gaps_file.close()
            self._rows_file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


class _Part:
    """A new file and the bytes that are still to be written to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.pending = bytearray()
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UsageError(f"cannot write records to {path}: {error.strerror}") from error

    def write(self) -> None:
        while self.pending:
            try:
                num_bytes = os.write(self._file, self.pending)
            except OSError as error:
                raise LoadtestError(
                    f"cannot write records to {self._path}: {error.strerror}; "
                    f"{len(self.pending)} bytes are not on disk"
                ) from error
            del self.pending[:num_bytes]

    def close(self) -> None:
        os.close(self._file)
