"""``r1-canary schema``."""

from canary.commands.printing import print_json
from canary.schema import rollout_schema


def schema() -> None:
    """Print the JSON Schema of rollout files."""
    print_json(rollout_schema())
