"""Pages for people, behind the guard (maskwatch.http)."""
