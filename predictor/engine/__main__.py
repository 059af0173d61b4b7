"""The engine process, started by the server: ``python -m predictor.engine FD``.

FD is the engine's end of a connected Unix socket pair.
"""

import signal
import socket
import sys

from predictor.engine.process import run

if __name__ == "__main__":
    # Ctrl-C reaches the whole process group; the server decides when the engine ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run(socket.socket(fileno=int(sys.argv[1])))
