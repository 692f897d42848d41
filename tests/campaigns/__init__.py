"""Campaigns of made-up inputs, of faults and of known vulnerabilities; longer than a test, run by a command."""
