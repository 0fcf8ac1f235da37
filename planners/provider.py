"""Where the name of somebody else's model leads: its provider, its address, its host."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from intentos.consent import is_loopback
from intentos.errors import ModelUnavailable

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)

# Where litellm goes if the environment names no address: said to a person before anything is sent.
_USUAL = {
    "ai21": "https://api.ai21.com",
    "anthropic": "https://api.anthropic.com",
    "cerebras": "https://api.cerebras.ai",
    "cohere": "https://api.cohere.com",
    "cohere_chat": "https://api.cohere.com",
    "dashscope": "https://dashscope-intl.aliyuncs.com",
    "deepinfra": "https://api.deepinfra.com",
    "deepseek": "https://api.deepseek.com",
    "fireworks_ai": "https://api.fireworks.ai",
    "gemini": "https://generativelanguage.googleapis.com",
    "groq": "https://api.groq.com",
    "mistral": "https://api.mistral.ai",
    "moonshot": "https://api.moonshot.ai",
    "ollama": "http://localhost:11434",
    "ollama_chat": "http://localhost:11434",
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai",
    "perplexity": "https://api.perplexity.ai",
    "together_ai": "https://api.together.xyz",
    "xai": "https://api.x.ai",
    "zai": "https://api.z.ai",
}
# Under which names the environment gives an address, besides the provider's own name.
_PREFIXES = {"ollama_chat": "OLLAMA", "together_ai": "TOGETHERAI"}


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Somebody else's model, and where its questions go."""

    model: str
    """The whole name, such as ``openai/gpt-4o``."""
    name: str
    base: str | None
    """The address that the environment gives, or OpenAI's; None: litellm's own for the provider."""
    host: str
    """What a person is told: the host, or the provider's name where its host is not known."""

    @property
    def here(self) -> bool:
        """Whether questions stay on this machine."""
        return is_loopback(self.host)


def provider_of(model: str) -> Provider:
    """Return where a model's questions go; only the environment is read.

    The address is ``<PROVIDER>_API_BASE`` or ``<PROVIDER>_BASE_URL``, such as ``OPENAI_API_BASE``.

    Raises:
        ModelUnavailable: the address in the environment is no http address.
    """
    name = model.partition("/")[0].lower()
    prefix = _PREFIXES.get(name, re.sub(r"\W", "_", name.upper()))
    variables = [f"{prefix}_API_BASE", f"{prefix}_BASE_URL", f"{prefix}_API_URL"]
    variable = next((v for v in variables if os.environ.get(v)), None)
    if variable is None:
        usual = _USUAL.get(name)
        host = urlsplit(usual).hostname if usual else None
        return Provider(
            model=model, name=name, base=usual if name == "openai" else None, host=host or name
        )
    base = os.environ[variable].strip()
    try:
        parts = urlsplit(base)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host:
        raise ModelUnavailable("remote.bad_address", variable=variable)
    return Provider(model=model, name=name, base=base, host=host)


def without_secrets(text: str) -> str:
    """Return the text on one line, short, with everything that the environment keeps secret
    blotted out."""
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= 8:
            text = text.replace(value, "***")
    return " ".join(text.split())[:200]
