"""``vllm bench serve`` where vLLM's engine cannot be imported; only its own environment runs this.

The command loads every part of vLLM, of which this module is all that sends and measures.
"""

import argparse

from vllm.benchmarks import serve  # type: ignore[import-not-found]

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    serve.add_cli_args(parser)
    serve.main(parser.parse_args())
