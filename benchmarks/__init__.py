"""What HashCart costs and how fast it is: `make bench`, docs/benchmarks.md."""
