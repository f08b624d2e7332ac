"""What the data plane costs. `docs/performance.md` says how it is measured; a reader of the code begins here.

    cases, values       what is called, with what, and in which systems
    system              what every system looks like: start, connect, stop
    raw, ours, peers/   the limit, WeaverLab, and other software
    timing              blocks of calls, by turns
    calls, beside, colocated, serialisation, startup    the suites: one round of each
    child, rounds, plan the process of a round; all rounds; which rounds there are
    summary, goals      raw numbers to figures; what the figures should be
    table, plot, report, check    figures as text, pictures, a page, and against a baseline

Beside them are programs of their own: `faults`, `proxy`, `routing` and `tls`.
"""
