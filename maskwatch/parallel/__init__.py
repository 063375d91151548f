"""Independent pieces of work done by several workers: processes of this machine, or of a Ray cluster."""
