"""Rules: when to alert. Pure."""
