"""The page on which people go through the queue: `maskwatch queue review`."""
