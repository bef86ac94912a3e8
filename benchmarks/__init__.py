"""What the engine reaches, as ratios against peers on the same recordings in the same run: `python -m benchmarks`."""
