"""The machine below: files that survive a crash, locks, systemd, the C library, package data, tensor files."""
