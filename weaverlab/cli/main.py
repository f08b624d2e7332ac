"""`weaverlab`: the verbs and their options. What they do is in the packages below; here it is only called."""

from __future__ import annotations

import concurrent.futures
import importlib
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Literal

import click

from weaverlab import errors
from weaverlab.errors import BundleError, ConfigError, DeclarationError, DeployError, nearest

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130  # 130 = 128 + SIGINT, as shells report it
_WAY_IN = tuple(str(Path(module.__file__ or "").parent) for module in (click, concurrent.futures, importlib, errors))
CONFIG = click.option("--config", type=click.Path(path_type=Path), help="The weaver.toml to configure it with.")


def main() -> None:
    """Run the command line and end the process with its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run_command(lambda: weaverlab(standalone_mode=False)))


def run_command(command: Callable[[], object]) -> int:
    """Run `command` and return the exit code; every error has been shown, wrong use without a traceback."""
    try:
        command()
    except click.exceptions.Exit as exit:
        return exit.exit_code
    except click.ClickException as error:
        error.show()
        return WRONG_USE
    except (DeclarationError, ConfigError, BundleError) as error:
        _say(f"Error: {error}")
        return WRONG_USE
    except DeployError as error:
        _say(f"Error: {error}")
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        _say("Stopped.")
        return INTERRUPTED
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except Exception as error:
        _show(error)
        return FAILED
    return 0


def _show(error: Exception) -> None:
    """Print an error of the application as Python would, without the frames that led from here to the application.

    One that a weavelet raised brings its own traceback in a note, and one of syntax its own line. Whatever has
    no frame outside WeaverLab is a fault of WeaverLab, and is shown in full.
    """
    frame = error.__traceback__
    while frame is not None and _is_way_in(frame.tb_frame.f_code.co_filename):
        frame = frame.tb_next
    if frame is None and not _says_where(error):
        frame = error.__traceback__
    traceback.print_exception(type(error), error, frame)


def _is_way_in(filename: str) -> bool:
    return filename.startswith((*_WAY_IN, "<frozen "))


def _says_where(error: Exception) -> bool:
    """Tell whether `error` shows by itself where it was raised: see `runtime.failures.unpack`."""
    from weaverlab.runtime.failures import RemoteTraceback

    is_remote = bool(getattr(error, "__notes__", ())) or isinstance(error.__cause__, RemoteTraceback)
    return is_remote or isinstance(error, SyntaxError)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def weaverlab() -> None:
    """Run distributed applications that are written as plain Python classes.

    \b
    weaverlab run app.py                    everything in this process
    weaverlab multi deploy weaver.toml      each component in a process of its own
    weaverlab experiment run NAME           an experiment of the folder experiments/
    """


@weaverlab.command()
@click.argument("app", type=click.Path(path_type=Path))
@CONFIG
def run(app: Path, config: Path | None) -> None:
    """Run the application in the file APP in one process, until its main() ends or Ctrl-C.

    APP defines one class derived from weaverlab.Main; what it reaches through its refs is started with it.
    """
    from weaverlab import deployers

    deployers.run(deployers.load_main(app), deployer="single", config=config)


@weaverlab.group()
def single() -> None:
    """Run an application in one process, as weaver.toml says."""


@weaverlab.group()
def multi() -> None:
    """Run an application in processes of this machine, as weaver.toml says."""


@single.command("deploy")
@click.argument("config", type=click.Path(path_type=Path), default=Path("weaver.toml"))
def single_deploy(config: Path) -> None:
    """Deploy the application that CONFIG (default: weaver.toml) names, until its main() ends or Ctrl-C."""
    _deploy(config, "single")


@multi.command("deploy")
@click.argument("config", type=click.Path(path_type=Path), default=Path("weaver.toml"))
def multi_deploy(config: Path) -> None:
    """Deploy the application that CONFIG (default: weaver.toml) names, until its main() ends or Ctrl-C."""
    _deploy(config, "multi")


@weaverlab.group()
def experiment() -> None:
    """Run experiments: questions about consistency, answered by measuring."""


@experiment.command("run")
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path), help="Where results go. [default: results/NAME]")
@click.option("--quick", is_flag=True, help="Fewer requests: to see it work, not to cite it.")
@click.option("--seed", type=int, default=1, show_default=True, help="Makes chance repeatable.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Requests a second.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="How long each measurement takes.")
def experiment_run(
    name: str, output: Path | None, quick: bool, seed: int, rate: float | None, seconds: float | None
) -> None:
    """Run the experiment in experiments/NAME and write its table and pictures."""
    from weaverlab import experiment

    experiment.run(name, output=output or Path("results", name), quick=quick, seed=seed, rate=rate, seconds=seconds)


@weaverlab.command()
def version() -> None:
    """Print the version of WeaverLab."""
    from weaverlab.runtime.version import WEAVERLAB_VERSION

    click.echo(WEAVERLAB_VERSION)


def _deploy(config: Path, deployer: Literal["single", "multi"]) -> None:
    from weaverlab import deployers

    settings = deployers.load_config(config)
    if not settings.weaverlab.app:
        raise ConfigError([f'{config}: which application? Add a line to [weaverlab]: app = "app.py".'])
    app = config.parent / settings.weaverlab.app
    if not app.is_file():
        hint = nearest(app.name, (file.name for file in app.parent.glob("*.py")))
        raise ConfigError([f"{config}: [weaverlab] app: there is no file {str(app)!r}.{hint}"])
    main = deployers.load_main(app)
    with deployers.deploy(main, deployer=deployer, config=settings) as deployment:
        click.echo(str(deployment.status()), err=True)
        click.echo("Running. Press Ctrl-C to stop.", err=True)
        deployment.run_main()


def _say(message: str) -> None:
    click.echo(message, err=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
