"""The command line.

Exit codes: 0 when the work is done or was ended by one SIGTERM or Ctrl-C; 1 when it failed; 2 when the command itself is
wrong. A second signal ends the process at once, by that signal.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import secrets
import signal
import string
import sys
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from worker.config import Settings, load_settings, topics_of
from worker.errors import ConfigurationError, WorkerError
from worker.logs import configure_logs
from worker.records import Encoding

T = TypeVar("T")

cli = typer.Typer(
    name="symbl-worker",
    help="Live audio from Kafka to transcripts, insights and redacted messages through the Symbl Streaming API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
topics = typer.Typer(name="topics", help="The topics that the worker reads and writes.", no_args_is_help=True)
cli.add_typer(topics)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="YAML file with settings; the environment wins over it.")
]


def _clear_errors(command: Callable[..., T]) -> Callable[..., T]:
    """An expected failure is one text on standard error and exit code 1.

    Of an unexpected one everything but its text is shown, which may quote what was said.
    """

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> T:
        try:
            return command(*args, **kwargs)
        except WorkerError as error:
            typer.echo(f"symbl-worker: {error}", err=True)
            raise typer.Exit(1) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__))
            typer.echo(f"{where}symbl-worker: unexpected {type(error).__name__}", err=True)
            raise typer.Exit(1) from None

    return guarded


def _settings(config: Path | None) -> Settings:
    """Settings of a command for people: what it has to say is not in the log."""
    settings = load_settings(os.environ, config)
    configure_logs("CRITICAL", "console")
    return settings


def _run(work: Coroutine[Any, Any, T], *, fast: bool) -> T:
    if fast and sys.platform != "win32":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    return asyncio.run(work)


@cli.command()
@_clear_errors
def run(config: ConfigFile = None) -> None:
    """Run a worker until SIGTERM or Ctrl-C."""
    from worker.app import run_worker

    settings = load_settings(os.environ, config)
    configure_logs(settings.log.level, settings.log.format)
    _run(run_worker(settings, ready=lambda url: typer.echo(f"worker ready at {url}")), fast=settings.worker.uvloop)


@cli.command()
@_clear_errors
def check(config: ConfigFile = None) -> None:
    """Test the configuration, the broker, the topics and the Symbl host, and say what is wrong."""
    from worker.check import run_checks

    settings = _settings(config)
    typer.echo("ok       configuration")
    redaction = settings.redaction.redactor().policy
    typer.echo(f"ok       redaction policy {redaction.version}: {json.dumps(redaction.described())}")
    if not asyncio.run(run_checks(settings, typer.echo)):
        raise typer.Exit(1)


@topics.command("create")
@_clear_errors
def create_topics(
    config: ConfigFile = None,
    partitions: Annotated[int | None, typer.Option(min=1, help="Partitions of the audio topic and all others.")] = None,
) -> None:
    """Create the topics that do not exist, with the right partitions and clean-up policies."""
    from worker.admin import create_missing

    settings = _settings(config)
    asyncio.run(create_missing(settings, partitions or settings.topics.partitions, typer.echo))


@cli.command()
@_clear_errors
def engine(
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 when not given.")] = None,
    port: Annotated[int | None, typer.Option(help="Port, 8700 when not given; 0 picks a free one.")] = None,
    recognizer: Annotated[
        str | None, typer.Option(help="pocketsphinx (default), sherpa-onnx, vosk, faster-whisper or coded.")
    ] = None,
    model_dir: Annotated[Path | None, typer.Option(help="Folder with a model, or with one for each language.")] = None,
    app_id: Annotated[
        str | None, typer.Option(help="Accept only this application id; its secret is in ENGINE__APP_SECRET.")
    ] = None,
    processes: Annotated[int | None, typer.Option(help="Processes that recognise speech.")] = None,
    result_delay: Annotated[
        tuple[float, float] | None, typer.Option(help="Delay of coded results, seconds: shortest, longest.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the result delays.")] = None,
    accounts: Annotated[
        Path | None, typer.Option(help="File with the accounts that are accepted; see engine-account.")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="Certificate with its chain, PEM: speak HTTPS and WSS. Needs --tls-key.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Key of the certificate, PEM, without a password.")] = None,
) -> None:
    """Run a Symbl-compatible engine until SIGTERM or Ctrl-C; without an application id any credentials are accepted.

    Every setting can also be given as ENGINE__NAME in the environment.
    """
    try:
        from worker.engine.app import run_engine
        from worker.engine.config import load_engine_settings
    except ImportError as error:
        text = f"symbl-worker: the engine is not installed ({error.name}): pip install 'symbl-worker[engine]'"
        typer.echo(text, err=True)
        raise typer.Exit(1) from None
    given = {
        "host": host,
        "port": port,
        "recognizer": recognizer,
        "model_dir": model_dir,
        "app_id": app_id,
        "pool_processes": processes,
        "result_delay_seconds": result_delay,
        "seed": seed,
        "accounts_file": accounts,
        "tls_certificate_file": tls_certificate,
        "tls_key_file": tls_key,
    }
    log = load_settings({name: value for name, value in os.environ.items() if name.startswith("LOG__")}).log
    settings = load_engine_settings({"ENGINE__PORT": "8700", **os.environ}, given)
    configure_logs(log.level, log.format)
    try:
        _run(_until_signal(run_engine(settings, ready=lambda url: typer.echo(f"engine ready at {url}"))), fast=True)
    except OSError as error:
        typer.echo(f"symbl-worker: {settings.host}:{settings.port}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from None


@cli.command("engine-account")
@_clear_errors
def engine_account(
    name: Annotated[str | None, typer.Option(help="Whose account it is; only people read it.")] = None,
) -> None:
    """Print a new account for the engine's accounts file: an appId and an appSecret as long as the SDKs expect them."""
    from worker.engine.accounts import account_entry

    letters = string.ascii_lowercase + string.digits
    app_id, app_secret = ("".join(secrets.choice(letters) for _ in range(length)) for length in (64, 128))
    typer.echo(account_entry(app_id, app_secret, name), nl=False)


@cli.command()
@_clear_errors
def produce(
    conversation: Annotated[str, typer.Option(help="Conversation id: the key of the records.")],
    file: Annotated[str | None, typer.Argument(help="WAV file, or - for raw audio on standard input.")] = None,
    microphone: Annotated[bool, typer.Option(help="Record from the microphone.")] = False,
    subscribe: Annotated[
        str | None, typer.Option(metavar="CONNECTION_ID", help="Send no audio: follow a connection that others feed.")
    ] = None,
    stream: Annotated[str, typer.Option(help="Name of the stream.")] = "0",
    speaker: Annotated[list[str] | None, typer.Option(help="Name of the speaker; twice for stereo.")] = None,
    encoding: Annotated[Encoding, typer.Option(help="Of raw audio.")] = Encoding.LINEAR16,
    rate: Annotated[int, typer.Option(help="Samples per second, of raw audio and the microphone.")] = 16000,
    fast: Annotated[bool, typer.Option("--fast", help="As fast as Kafka takes it, not in real time.")] = False,
    start: Annotated[bool, typer.Option(help="Begin with a start record.")] = True,
    end: Annotated[bool, typer.Option(help="Finish with an end record.")] = True,
    topic: Annotated[str | None, typer.Option(help="Audio topic; the configured one when not given.")] = None,
    config: ConfigFile = None,
) -> None:
    """Send audio into Kafka as one stream of a conversation."""
    from worker.produce import follow, open_source
    from worker.produce import produce as send

    settings = _settings(config)
    if topic is None and settings.topics.pattern is not None:
        raise ConfigurationError("TOPICS__AUDIO is a pattern: say with --topic which topic is meant")
    if subscribe is not None:
        if file is not None or microphone or speaker:
            raise ConfigurationError("--subscribe sends no audio: name no file, microphone or speaker")
        asyncio.run(
            follow(
                subscribe,
                kafka=settings.kafka.client_arguments(),
                topic=topic or topics_of(settings).audio[0],
                conversation_id=conversation,
                stream=stream,
                say=typer.echo,
            )
        )
        return
    source = open_source(file, microphone=microphone, encoding=encoding, sample_rate_hz=rate)
    work = send(
        source,
        kafka=settings.kafka.client_arguments(),
        topic=topic or topics_of(settings).audio[0],
        conversation_id=conversation,
        stream=stream,
        speakers=speaker or [],
        pace=None if fast else 1.0,
        start=start,
        end=end,
        say=typer.echo,
    )
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@cli.command()
@_clear_errors
def tail(
    topic: Annotated[
        list[str] | None,
        typer.Argument(help="captions, transcripts, redacted, insights, conversations, dead-letters, or a full name."),
    ] = None,
    conversation: Annotated[str | None, typer.Option(help="Only this conversation.")] = None,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Begin with the oldest record.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    max_records: Annotated[int | None, typer.Option("--max", min=1, help="Stop after so many records.")] = None,
    config: ConfigFile = None,
) -> None:
    """Show output topics live; everything but transcripts in the clear when none is named."""
    from worker.tail import tail as follow

    settings = _settings(config)
    names = {name.replace("_", "-"): topic for name, topic in topics_of(settings).outputs().items() if name != "state"}
    work = follow(
        topic or [],
        kafka=settings.kafka.client_arguments(),
        names=names,
        conversation_id=conversation,
        from_beginning=from_beginning,
        as_json=json,
        max_records=max_records,
    )
    asyncio.run(work)


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run until SIGTERM or SIGINT, which end it in order; a second one ends the process at once."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            # Not Python's own handler: its KeyboardInterrupt would wait for everything that is being cleaned up.
            signal.signal(number, signal.SIG_DFL)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise


def main() -> None:
    """Entry point of ``symbl-worker``."""
    cli()


if __name__ == "__main__":
    main()
