"""What train.py is made of: arguments, feature feed, losses, metrics, thresholds, report."""
