"""Benchmarks of the running program: `python -m tests.bench [NAME...]`, or `./dev bench`.

They report and do not judge: a figure that misses its aim is printed as such, and the exit status stays 0.
"""
