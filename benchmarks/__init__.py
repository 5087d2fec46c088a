"""Side by side with other tools, on one machine: `benchmarks/run`. Never part of a test."""
