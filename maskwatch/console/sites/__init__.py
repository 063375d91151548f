"""Sites: all services of a shared store.

fleet.py   asks the store, on threads of its own
view.py    what is known of sites, as HTML
pages.py   the page
"""
