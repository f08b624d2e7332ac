"""What an experiment needs besides the application: sweeps, open-loop load, honest figures, and a record of both.

An experiment is a folder `experiments/NAME` with a `run.py` that defines `main(options: Options) -> Results`. It says
what its cells are and how one is measured; `sweep` does the rest. Applications under measurement find an HTTP server
and client here, and a thread that consumes a queue. How figures are drawn is in `weaverlab.pictures`; whatever an
experiment is about is in its own folder.
"""

from weaverlab.experiment.comparison import Comparison, compare
from weaverlab.experiment.design import Run
from weaverlab.experiment.generator import generate
from weaverlab.experiment.goals import Verdict, verdicts
from weaverlab.experiment.http_client import HttpClient, HttpError
from weaverlab.experiment.http_server import HttpServer
from weaverlab.experiment.manifest import manifest
from weaverlab.experiment.messages import MessageLoop
from weaverlab.experiment.options import Options
from weaverlab.experiment.plots import figures, save_figures
from weaverlab.experiment.published import Published, published
from weaverlab.experiment.recorder import Measured
from weaverlab.experiment.results import Results, load
from weaverlab.experiment.routes import Route, json_routes
from weaverlab.experiment.rows import write_csv, write_json
from weaverlab.experiment.running import names, run
from weaverlab.experiment.servers import Servers
from weaverlab.experiment.statistics import Interval, bootstrap, percentile, proportion_text
from weaverlab.experiment.sweep import sweep
from weaverlab.experiment.warnings import Warnings
from weaverlab.experiment.workload import Answer, Workload

__all__ = [
    "Answer",
    "Comparison",
    "HttpClient",
    "HttpError",
    "HttpServer",
    "Interval",
    "Measured",
    "MessageLoop",
    "Options",
    "Published",
    "Results",
    "Route",
    "Run",
    "Servers",
    "Verdict",
    "Warnings",
    "Workload",
    "bootstrap",
    "compare",
    "figures",
    "generate",
    "json_routes",
    "load",
    "manifest",
    "names",
    "percentile",
    "proportion_text",
    "published",
    "run",
    "save_figures",
    "sweep",
    "verdicts",
    "write_csv",
    "write_json",
]
