"""Where components run: in this process, or in processes of this machine that are watched and restarted."""

from weaverlab.deployers.appfile import load_main
from weaverlab.deployers.attached import Attached, attach
from weaverlab.deployers.configfile import load_config
from weaverlab.deployers.deployment import Deployment
from weaverlab.deployers.launch import deploy, run, run_by, stop_all
from weaverlab.deployers.output import Show, format_entry, show_by_default

__all__ = [
    "Attached",
    "Deployment",
    "Show",
    "attach",
    "deploy",
    "format_entry",
    "load_config",
    "load_main",
    "run",
    "run_by",
    "show_by_default",
    "stop_all",
]
