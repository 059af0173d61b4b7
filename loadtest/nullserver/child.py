"""The null server's own process: ``python -m loadtest.nullserver.child FD``, its end of a pipe."""

import signal
import sys
from multiprocessing.connection import Connection

from loadtest.errors import UsageError
from loadtest.nullserver.process import Addresses
from loadtest.nullserver.server import NullServerConfig, serve

if __name__ == "__main__":
    # Ctrl-C reaches every process of the terminal: the parent's word counts here.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = Connection(int(sys.argv[1]))
    config = pipe.recv()
    assert isinstance(config, NullServerConfig)
    try:
        serve(config, lambda http, grpc: pipe.send(Addresses(http, grpc)))
    except UsageError as error:
        pipe.send(str(error))
