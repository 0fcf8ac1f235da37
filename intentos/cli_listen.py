"""``intentos listen``: what is said in a recording, as text; it is not run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from intentos import cli, config
from intentos.errors import UsageError
from intentos.events import ProgressMade
from intentos.recording import MOST_BYTES
from intentos.registry import Registry
from intentos.speech import Speech, Transcript
from intentos.terminal import Terminal
from intentos.types import Language

SCHEMA = 1


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("listen")(listen)


def listen(
    file: Annotated[Path, typer.Argument(help="A WAV file of at most a minute.")],
    language: Annotated[
        str | None, typer.Option("--language", help="zh or en; else whichever it sounds like.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Write down what is said in a recording; nothing is run or kept."""
    terminal = Terminal(cli.system_language())
    settings = cli.guard(terminal, config.load, json_=json_)
    terminal.language = cli.language_for(settings)

    def work() -> Transcript:
        wanted = _language(language)
        audio = _bytes(file)
        models = Registry(plugins=settings.plugins).planner(settings=settings).models
        terminal.show(ProgressMade(run_id="", stage="stage.listening"))
        return asyncio.run(_transcribe(Speech(settings, models), audio, wanted))

    heard = cli.guard(terminal, work, json_=json_)
    terminal.pause()
    if json_:
        typer.echo(json.dumps({"schema": SCHEMA, **heard.model_dump()}, ensure_ascii=False))
    elif heard.text:
        typer.echo(heard.text)
    if not heard.text:
        terminal.error(terminal.say("speech.nothing_heard"))
        raise typer.Exit(1)


async def _transcribe(speech: Speech, audio: bytes, language: Language | None) -> Transcript:
    try:
        return await speech.transcribe(audio, language)
    finally:
        await speech.close()


def _language(text: str | None) -> Language | None:
    match text:
        case None | "zh" | "en":
            return text
        case _:
            raise UsageError("speech.language", name=text)


def _bytes(path: Path) -> bytes:
    """Return the file's bytes, one more than may be if there are too many."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        what = error.strerror or str(error)
        raise UsageError("speech.unreadable", path=str(path), what=what) from error
