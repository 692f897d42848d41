"""The figures in the README and RESULTS.md, each reproducible by one command."""
