"""The composition root: builds the parts from the configuration, and runs the service."""
