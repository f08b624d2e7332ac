"""What an experiment needs besides the application: open-loop load, honest figures, and a record of how it was run.

An experiment is a folder `experiments/NAME` with a `run.py` that defines `main(options: Options)`. Pictures are in
`weaverlab.pictures`; whatever an experiment is about is in its own folder.
"""

from weaverlab.experiment.generator import generate
from weaverlab.experiment.manifest import manifest
from weaverlab.experiment.results import write_csv, write_json
from weaverlab.experiment.running import Options, names, run
from weaverlab.experiment.statistics import percentile, proportion_text
from weaverlab.experiment.workload import Answer, Workload

__all__ = [
    "Answer",
    "Options",
    "Workload",
    "generate",
    "manifest",
    "names",
    "percentile",
    "proportion_text",
    "run",
    "write_csv",
    "write_json",
]
