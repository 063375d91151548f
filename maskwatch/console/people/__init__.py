"""Users: who may use the console, for admins."""
