"""How the cost of a call grows: `python -m benchmarks.growth`, or `make bench-growth`.

    sweeps      what is varied, from where to where, what is measured on the way, and how it may grow
    verdict     figures to verdicts: does it grow as it should, is there a cliff
    callers, replicas, payload, lineage, connections, weavelets, memory    one round of each sweep
    field       who takes part: threads, tasks, the raw limit
    components  what is deployed
    processes   memory, threads and descriptors of a process
    page, picture    the figures as text and as pictures

Rounds, processes, timing and the raw limit are those of the other benchmarks (`benchmarks`).
"""
