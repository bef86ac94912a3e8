"""How throughput, waiting and cost grow from one GPU to a thousand, and what gives way first: `python -m
benchmarks.fleet`."""
