"""Sites: all services of a shared store.

shared_store.py   asks the store, on threads of its own
view.py    what is known of sites, as HTML
pages.py   the page
"""
