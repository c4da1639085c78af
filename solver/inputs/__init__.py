"""Text to domain objects; every complaint names file and line."""
