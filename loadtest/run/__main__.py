"""A worker's process: ``python -m loadtest.run FD``, where FD is its end of the pipe.

Not multiprocessing's own start, which would import in each worker what the command imports:
matplotlib and scipy, a second of CPU.
"""

import sys
from multiprocessing.connection import Connection

from loadtest.run.worker import Task, work

if __name__ == "__main__":
    pipe = Connection(int(sys.argv[1]))
    task = pipe.recv()
    assert isinstance(task, Task)
    work(task, pipe)
