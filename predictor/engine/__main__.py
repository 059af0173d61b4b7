"""The engine process, started by the server: ``python -m predictor.engine FD``.

FD is the engine's end of a connected Unix socket pair.
"""

import logging
import socket
import sys

from predictor.engine.process import run

if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run(socket.socket(fileno=int(sys.argv[1])))
