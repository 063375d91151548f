"""Live: what each camera sees now."""
