"""What is told of a rollout: audit, report, notification, metrics, trace, the live view."""
