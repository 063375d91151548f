"""What the reports say: common.py and breakdown.py have what they share, figures.py how figures are written, and there is one file a kind."""
