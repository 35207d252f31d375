# Programs that measure; built and run by make bench.
bench_programs =
