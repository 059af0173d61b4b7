"""What a run leaves behind: JSON with a schema, CSV, a page of HTML, numbers pushed elsewhere."""
