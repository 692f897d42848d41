"""What app.py is made of. It knows a model through `pipeline(…)` only, and travels to a Space as it is."""
