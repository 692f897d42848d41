"""Helpers that every package above fusion_model shares: atomic files, errors, memory, commands, recipes."""
