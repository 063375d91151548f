"""What the reports say: common.py has what they share, and there is one file a kind."""
