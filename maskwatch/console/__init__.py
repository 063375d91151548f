"""Pages for people, behind one guard."""
