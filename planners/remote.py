"""Somebody else's model: any provider or local server that litellm knows, with typed output."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, create_model

from intentos.config import Settings
from intentos.errors import ModelUnavailable

from .model import Choice, Completion, Prompt, T, Typed
from .profiles import Form, profile_of
from .provider import provider_of
from .wire import Refused, Reply, ask, ready

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models.function import AgentInfo

RETRIES = 2
"""How often a model is told what is wrong with its answer, and asked again."""
NAMED = -0.02
NOT_NAMED = -30.0
"""Log-probability of a name that the model does not give: it tells no odds."""


class RemoteModel:
    """A model behind an API. Canceling a question closes its connection at once.

    May be used from one event loop after another, and by several tasks at a time.
    """

    process = None

    def __init__(self, name: str, settings: Settings) -> None:
        """Nothing is loaded or asked before the first question.

        Raises:
            ModelUnavailable: the environment gives an address that is none.
        """
        self.name = name
        self.profile = profile_of(name)
        self.provider = provider_of(name)
        self.host = self.provider.host
        self._settings = settings
        self._form: Form = self.profile.form

    async def choose(self, prompt: Prompt, names: Sequence[str]) -> Choice:
        """Return the name that the model gives; the others are as good as impossible.

        Raises:
            ModelUnavailable: it cannot be reached, or names nothing that is there.
            NotApproved: the day's spending would be passed.
            ValueError: a name is empty, or two are alike.
        """
        if not names or not all(names) or len(set(names)) < len(names):
            raise ValueError(f"names must differ and not be empty: {names!r}")
        key = re.search(r'"(\w+)": "$', prompt.prefill)
        listed: Any = Literal[tuple(names)]
        kind = create_model("Answer", name=(listed, Field(alias=key[1] if key else "name")))
        answer = await self.typed(prompt, kind, grammar="", max_tokens=60)
        if answer.value is None:
            raise ModelUnavailable("remote.useless", model=self.name, host=self.provider.host)
        [chosen] = answer.value.model_dump().values()
        odds = {name: NAMED if name == chosen else NOT_NAMED for name in names}
        return Choice(name=chosen, odds=odds, tokens=answer.tokens)

    async def typed(
        self, prompt: Prompt, kind: type[T], *, grammar: str, max_tokens: int = 200
    ) -> Typed[T]:
        """Return an answer of a type, asked for by its JSON schema; the grammar is not needed.

        Raises:
            ModelUnavailable: it cannot be reached, or gives no such answer after ``RETRIES``.
            NotApproved: the day's spending would be passed.
        """
        await ready()
        from pydantic_ai import NativeOutput, PromptedOutput

        outputs: dict[Form, Any] = {
            "native": NativeOutput(kind, strict=False),
            "json": PromptedOutput(kind),
            "words": PromptedOutput(kind),
        }
        while True:
            try:
                value, replies = await self._run(prompt, outputs[self._form], max_tokens)
            except Refused as refused:
                if self._form == "words":
                    raise self._refused(refused) from None
                self._form = "words" if self._form == "json" else "json"
                continue
            return Typed(value=value, tokens=sum(reply.tokens for reply in replies))

    async def complete(
        self,
        prompt: Prompt,
        *,
        grammar: str,
        shape: re.Pattern[str] | None = None,
        max_tokens: int = 512,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """Return a text that has the shape from its first to its last character; what the model
        says around it is left out. It comes as a whole, not by and by.

        Raises:
            ModelUnavailable: it cannot be reached, or gives no such text after ``RETRIES``.
            NotApproved: the day's spending would be passed.
            ValueError: there is no shape, so that nothing would constrain the text.
        """
        await ready()
        from pydantic_ai import ModelRetry, TextOutput

        if shape is None:
            raise ValueError("a model that knows no grammars needs a shape")

        def found(text: str) -> str:
            match = shape.search(text)
            if match is None:
                raise ModelRetry("Answer in exactly the form that the instructions show.")
            return match.group()

        try:
            text, replies = await self._run(prompt, TextOutput(found), max_tokens)
        except Refused as refused:
            raise self._refused(refused) from None
        if on_text:
            on_text(text)
        tokens = sum(reply.tokens for reply in replies)
        return Completion(text=text, tokens=tokens, stopped=replies[-1].stopped)

    async def score(self, prompt: Prompt, choices: Sequence[str]) -> tuple[list[float], int]:
        """Return the odds of ``choose`` in the order of the choices; closing quotes are no part
        of a name."""
        names = [choice.removesuffix('"').strip() for choice in choices]
        choice = await self.choose(prompt, names)
        return [choice.odds[name] for name in names], choice.tokens

    async def close(self) -> None:
        """Nothing stays open between two questions."""

    async def _run(self, prompt: Prompt, output: Any, max_tokens: int) -> tuple[Any, list[Reply]]:
        """Return the validated output and all replies that led to it."""
        await ready()
        from pydantic_ai import Agent, ModelProfile
        from pydantic_ai.exceptions import AgentRunError
        from pydantic_ai.models.function import FunctionModel

        replies: list[Reply] = []

        async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            options = self._options(info, self.profile.tokens(max_tokens))
            reply = await ask(self.provider, self._settings, _messages(messages, info), options)
            replies.append(reply)
            return _response(reply, info)

        profile = ModelProfile(supports_json_schema_output=True, supports_tools=True)
        agent = Agent(
            FunctionModel(answer, model_name=self.name, profile=profile),
            instructions=prompt.system,
            output_type=output,
            retries=RETRIES,
        )
        user = f"{prompt.user}\n{self.profile.note}" if self.profile.note else prompt.user
        try:
            async with self._bounded():
                result = await agent.run(user)
        except AgentRunError:
            if replies and not replies[-1].stopped:
                raise ModelUnavailable(
                    "remote.unfinished", model=self.name, host=self.provider.host
                ) from None
            raise ModelUnavailable(
                "remote.useless", model=self.name, host=self.provider.host
            ) from None
        return result.output, replies

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """Give the block the seconds that a question may take, with all its tries."""
        seconds = self._settings.model_seconds
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise ModelUnavailable(
                "remote.slow", model=self.name, host=self.provider.host, seconds=seconds
            ) from None

    def _options(self, info: AgentInfo, max_tokens: int) -> dict[str, Any]:
        """Return the options of the chat completions API that ask for the form wanted."""
        options: dict[str, Any] = {"max_tokens": max_tokens}
        if self.profile.temperature is not None:
            options["temperature"] = self.profile.temperature
        wanted = info.model_request_parameters
        if wanted.output_mode == "native" and wanted.output_object is not None:
            schema = wanted.output_object.json_schema
            name = wanted.output_object.name or "answer"
            options["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": name, "schema": schema},
            }
        elif wanted.output_mode == "prompted" and self._form == "json":
            options["response_format"] = {"type": "json_object"}
            if wanted.output_object is not None and self.provider.here:
                # Servers of one's own decode under it; others may refuse a field they don't know.
                options["response_format"]["schema"] = wanted.output_object.json_schema
        return options

    def _refused(self, refused: Refused) -> ModelUnavailable:
        return ModelUnavailable(
            "remote.refused", model=self.name, host=self.provider.host, what=str(refused)
        )


def _messages(messages: Sequence[ModelMessage], info: AgentInfo) -> list[dict[str, Any]]:
    """Return the conversation as the chat completions API has it."""
    from pydantic_ai.messages import ModelRequest, RetryPromptPart, TextPart

    said: list[dict[str, Any]] = []
    if info.instructions:
        said.append({"role": "system", "content": info.instructions})
    for message in messages:
        role = "user" if isinstance(message, ModelRequest) else "assistant"
        parts: list[str] = []
        for part in message.parts:
            if isinstance(part, RetryPromptPart):
                parts.append(part.model_response())
            elif isinstance(part, TextPart) or part.part_kind == "user-prompt":
                parts.append(str(part.content))
        said.append({"role": role, "content": "\n".join(parts)})
    return said


def _response(reply: Reply, info: AgentInfo) -> ModelResponse:
    """Return a reply as pydantic-ai knows it; of JSON that was wanted without the words around."""
    from pydantic_ai.messages import ModelResponse, TextPart

    text = reply.text
    if info.model_request_parameters.output_object is not None:
        text = _json_in(text) or text
    return ModelResponse(parts=[TextPart(text)])


def _json_in(text: str) -> str | None:
    """Return the outermost JSON object in a text, which models like to wrap in words."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else None
