"""Training: recipes, augmentation, mining, thresholds, checkpoints, cards."""
