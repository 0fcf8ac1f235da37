"""One question to somebody else's model over the wire, through litellm, bounded in time and tries.

Keys are litellm's to read from the environment. Nothing that a server or a library says reaches a
person before what the environment keeps secret is blotted out of it.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import re
import threading
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from intentos.config import Settings
from intentos.errors import ModelUnavailable
from intentos.spending import Spending, count

from .provider import Provider, without_secrets

CONNECT = 5.0
"""Seconds until a connection must stand."""
TRIES = 3
"""How often a question is asked where the server is busy or its connection breaks."""
_LONGEST_PAUSE = 10.0
_FORM = re.compile("response_format|json_schema|tool_choice")
_THOUGHTS = re.compile(r"\A\s*(?:<think(?:ing)?>)?.*?</think(?:ing)?>", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the model said."""

    text: str
    """Without its thoughts; the arguments where it calls a tool instead of answering."""
    tokens: int
    stopped: bool
    """False where it ran into the limit of tokens."""


class Refused(Exception):
    """The server does not take the question in this form (HTTP 400 or 422); holds its reason."""


async def ask(
    provider: Provider, settings: Settings, messages: list[dict[str, Any]], options: dict[str, Any]
) -> Reply:
    """Return the model's reply; ``options`` are those of the chat completions API.

    Raises:
        ModelUnavailable: it cannot be reached, refuses the key, is busy, breaks off or talks
            nonsense; after ``TRIES`` tries where trying again may help.
        Refused: it does not take these options.
        NotApproved: the day's spending would be passed.
    """
    for left in reversed(range(TRIES)):
        try:
            return await _once(provider, settings, messages, options)
        except _Again as again:
            if not left:
                raise again.problem from None
            pause = again.pause or 0.5 * 2 ** (TRIES - 1 - left)
        await asyncio.sleep(min(pause, _LONGEST_PAUSE))
    raise AssertionError("the last try returns or raises")


class _Again(Exception):
    """It may work the next time."""

    def __init__(
        self, problem: ModelUnavailable, *, pause: float = 0.0, heard: bool = False
    ) -> None:
        self.problem = problem
        self.pause = pause
        self.heard = heard
        """Whether the provider may have worked, and charge, although no answer came."""


async def _once(
    provider: Provider, settings: Settings, messages: list[dict[str, Any]], options: dict[str, Any]
) -> Reply:
    litellm = library()
    most = _most(litellm, provider, messages, options)
    with Spending(settings).question(provider.model, most) as bill:
        try:
            async with AsyncExitStack() as stack:
                answer = await litellm.acompletion(
                    model=provider.model,
                    messages=messages,
                    num_retries=0,
                    max_retries=0,
                    **await _connection(provider, settings, stack),
                    **options,
                )
        except Exception as error:  # of litellm, of its provider's library, of the HTTP client
            problem = _problem(provider, error)
            if not (isinstance(problem, _Again) and problem.heard):
                bill.settle(0.0, 0)
            raise problem from None  # the cause may hold a key, and goes no further
        reply = _reply(provider, answer)
        cost = _cost(litellm, provider, answer, reply)
        bill.settle(cost, reply.tokens)
    count(provider.model, provider.host, reply.tokens, cost)
    return reply


async def _connection(
    provider: Provider, settings: Settings, stack: AsyncExitStack
) -> dict[str, Any]:
    """Return how to reach the provider: never past a redirect, which might lead elsewhere."""
    import httpx

    timeout = httpx.Timeout(settings.model_seconds, connect=CONNECT)
    if provider.name != "openai":
        return {"timeout": timeout} | ({"api_base": provider.base} if provider.base else {})
    import openai

    # A proxy of the environment is not asked to reach this machine.
    http = httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=not provider.here)
    client = openai.AsyncOpenAI(
        # A server of one's own wants no key, but the library does.
        api_key=os.environ.get("OPENAI_API_KEY") or "none",
        base_url=provider.base,
        http_client=http,
        max_retries=0,
    )
    return {"client": await stack.enter_async_context(client), "timeout": timeout}


def _reply(provider: Provider, answer: Any) -> Reply:
    try:
        choice = answer.choices[0]
        message = choice.message
        text = message.content or ""
        calls = message.tool_calls or []
        text = text or (calls[0].function.arguments if calls else "")
        usage = getattr(answer, "usage", None)
        tokens = int(getattr(usage, "total_tokens", 0) or 0)
    except (AttributeError, IndexError, TypeError, ValueError):
        raise _Again(ModelUnavailable("remote.nonsense", **_who(provider))) from None
    if not isinstance(text, str):
        raise _Again(ModelUnavailable("remote.nonsense", **_who(provider)))
    return Reply(
        text=_THOUGHTS.sub("", text).strip() if "</think" in text else text,
        tokens=tokens or len(text) // 2,
        stopped=choice.finish_reason != "length",
    )


def _most(
    litellm: Any, provider: Provider, messages: list[dict[str, Any]], options: Mapping[str, Any]
) -> float | None:
    """Return the dollars that a question costs at most; no token is shorter than two bytes."""
    size = sum(len(str(message.get("content", "")).encode()) for message in messages)
    size += len(str(options.get("response_format", "")))
    return _price(litellm, provider, size // 2 + 100, int(options.get("max_tokens", 1000)))


def _cost(litellm: Any, provider: Provider, answer: Any, reply: Reply) -> float | None:
    usage = getattr(answer, "usage", None)
    read = int(getattr(usage, "prompt_tokens", 0) or 0)
    written = int(getattr(usage, "completion_tokens", 0) or 0)
    return _price(litellm, provider, read or reply.tokens, written or reply.tokens)


def _price(litellm: Any, provider: Provider, read: int, written: int) -> float | None:
    """Return the dollars by litellm's own list; a model that it does not know is free here, and
    of an unknown price elsewhere."""
    try:
        prices = litellm.cost_per_token(
            model=provider.model, prompt_tokens=read, completion_tokens=written
        )
    except Exception:  # its own type for a model that is not in the list has changed before
        return 0.0 if provider.here else None
    return float(sum(prices))


def _problem(provider: Provider, error: Exception) -> Exception:
    """Return what an error means for a person; its own words only where they help.

    litellm calls a broken connection and a page of HTML an internal server error, so what really
    happened is looked for in the causes.
    """
    import httpx

    who = _who(provider)
    causes = _causes(error)
    if any(isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout) for cause in causes):
        return _Again(ModelUnavailable("remote.unreachable", **who))
    if any(isinstance(cause, httpx.TimeoutException | TimeoutError) for cause in causes):
        return _Again(ModelUnavailable("remote.silent", **who), heard=True)
    if any(isinstance(cause, httpx.TransportError) for cause in causes):
        return _Again(ModelUnavailable("remote.closed", **who), heard=True)
    name = type(error).__name__
    if "LLM Provider NOT provided" in str(error) or name == "LiteLLMUnknownProvider":
        return ModelUnavailable("remote.unknown_provider", name=provider.model)
    if name == "ContextWindowExceededError":
        return ModelUnavailable("remote.too_long", **who)
    said = any(isinstance(cause, httpx.HTTPStatusError) for cause in causes)
    return _by_status(error, said, who)


def _by_status(error: Exception, said: bool, who: dict[str, str]) -> Exception:
    """Return what the HTTP status means; ``said``: the server gave it, and not litellm."""
    text = str(getattr(error, "message", error))
    match getattr(error, "status_code", None):
        case 401 | 403:
            return ModelUnavailable("remote.key", **who)
        case 402:
            return ModelUnavailable("remote.credit", **who)
        case 404:
            return ModelUnavailable("remote.not_there", **who)
        case 429:
            return _Again(ModelUnavailable("remote.busy", **who), pause=_retry_after(error))
        case 400 | 422:
            return Refused(without_secrets(text.removeprefix("litellm.")))
        case int() if _FORM.search(text):  # some servers call an option unknown to them an error
            return Refused(without_secrets(text.removeprefix("litellm.")))
        case int(status) if 300 <= status < 400:
            return ModelUnavailable("remote.redirect", **who)
        case int(status) if status >= 500 and said:
            return _Again(ModelUnavailable("remote.broken", **who, status=status))
    return _Again(ModelUnavailable("remote.nonsense", **who), heard=True)


def _causes(error: BaseException | None) -> list[BaseException]:
    """Return the error and all that led to it."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _retry_after(error: Exception) -> float:
    response = getattr(error, "response", None)
    try:
        return max(0.0, float(response.headers["retry-after"])) if response is not None else 0.0
    except (KeyError, ValueError):
        return 0.0


def _who(provider: Provider) -> dict[str, str]:
    return {"model": provider.model, "host": provider.host}


async def ready() -> None:
    """Return when the libraries are imported: seconds, in which a stop must still stop."""
    thread = _importing()
    while thread.is_alive():  # noqa: ASYNC110 — a thread sets no event of a loop that may be gone
        await asyncio.sleep(0.02)


@cache
def _importing() -> threading.Thread:
    def work() -> None:
        library()
        importlib.import_module("pydantic_ai")

    # A daemon, so that the program need not wait for it to end.
    thread = threading.Thread(target=work, name="import litellm", daemon=True)
    thread.start()
    return thread


@cache
def library() -> Any:
    """Return litellm, quiet: no price list from the network, no telemetry, no word on the
    terminal, and no ``.env`` file out of whatever folder the program was called in."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    os.environ.pop("USE_LITELLM_PROXY", None)  # questions would go where nobody agreed to
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    import litellm

    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    module: Any = litellm
    module.suppress_debug_info = True
    module.telemetry = False
    module.drop_params = True
    module.turn_off_message_logging = True
    module.disable_aiohttp_transport = True
    return module


def known_provider(name: str) -> None:
    """Return where litellm knows the provider of a model, which is called ``provider/model``.

    Raises:
        ModelUnavailable: it knows none, or no model is named.
    """
    _, _, model = name.partition("/")
    if model.strip():
        litellm = library()
        with suppress(Exception):  # each version of litellm has its own word for it
            litellm.get_llm_provider(name)
            return
    raise ModelUnavailable("remote.unknown_provider", name=name)
