"""Tables with a schema: reading them, checking them, splitting them."""
