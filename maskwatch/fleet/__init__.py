"""The models of many services: a signed registry in a folder or behind a web server, and the services that pull from it."""
