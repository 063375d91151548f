"""The configuration: a YAML file to records, every problem with its line and key."""
