"""What ours and the peers cost, measured in one pass: `python -m benchmarks`."""
