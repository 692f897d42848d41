"""The Space: what its repo holds."""
