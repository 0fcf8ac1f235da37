"""llama.cpp behind four verbs: split a prompt, read tokens, pick one under a grammar, say it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .kept_state import KeptStates

KEEP_FROM = 200
"""Tokens of a prompt's beginning from which keeping its state is worth the disk."""
_SHORTLIST = 256
_SYSTEM, _USER = "\x02S\x02", "\x02U\x02"
_CHATML = (
    f"<|im_start|>system\n{_SYSTEM}<|im_end|>\n<|im_start|>user\n{_USER}<|im_end|>\n"
    "<|im_start|>assistant\n"
)


class LoadFailed(Exception):
    """llama.cpp could not load the file."""


class TooLong(Exception):
    """The prompt leaves no room for an answer: (tokens, limit)."""


class Llama:
    """A loaded model with one sequence, whose beginning stays in memory between prompts.

    A prompt is always read in the same batches: the stable beginning alone from token 0, then the
    rest. So what comes out does not depend on what was asked before, nor on whether the
    beginning's state came from disk.
    """

    def __init__(self, path: Path, *, context: int, batch: int, threads: int) -> None:
        import llama_cpp

        self._api: Any = llama_cpp
        self.version = str(llama_cpp.__version__)
        self._errors: list[str] = []
        self._log = llama_cpp.llama_log_callback(self._logged)
        llama_cpp.llama_log_set(self._log, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        how = llama_cpp.llama_model_default_params()
        # Repacked weights crash on CPUs with AMX (llama.cpp of 0.3.36: any batch of more than a
        # few tokens in ggml_backend_amx_mul_mat), and a plain map is shared between processes.
        how.use_extra_bufts = False
        self._model = llama_cpp.llama_model_load_from_file(os.fsencode(path), how)
        if not self._model:
            raise LoadFailed(self._reason())
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = context
        parameters.n_batch = parameters.n_ubatch = batch
        parameters.n_threads = parameters.n_threads_batch = threads
        self._context = llama_cpp.llama_init_from_model(self._model, parameters)
        if not self._context:
            raise LoadFailed(self._reason())
        self.limit = int(llama_cpp.llama_n_ctx(self._context))
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self._words = int(llama_cpp.llama_vocab_n_tokens(self._vocabulary))
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch_size = batch
        self._batch = llama_cpp.llama_batch_init(batch, 0, 1)
        self._frame = self._chat_frame()
        self._control = self._control_tokens()
        self._prefix: list[int] = []
        self._unkept = False

    # -- reading -------------------------------------------------------------------------------

    def split(self, system: str, user: str, prefill: str) -> tuple[list[int], list[int]]:
        """Return the tokens up to the end of the system part, and the rest.

        Only the template's own pieces may become control tokens: a text that spells one stays text.
        """
        before, between, after = self._frame
        prefix = self._tokens(before, special=True, first=True)
        prefix += self._tokens(system)
        rest = self._tokens(between, special=True)
        rest += self._tokens(user)
        rest += self._tokens(after, special=True)
        rest += self._tokens(prefill)
        return prefix, rest

    def read(self, prefix: list[int], rest: list[int], kept: KeptStates) -> int:
        """Read a prompt up to its last token and return how many tokens had to be computed.

        Raises:
            TooLong: prompt and a short answer do not fit into the context.
        """
        length = len(prefix) + len(rest)
        if length + 16 > self.limit:
            raise TooLong(length, self.limit)
        computed = len(rest)
        if prefix != self._prefix:
            self._api.llama_memory_clear(self._memory, True)
            self._prefix, self._unkept = [], False
            if not self._restore(prefix, kept):
                self._decode(prefix, 0, wanted=False)
                computed += len(prefix)
                self._unkept = len(prefix) >= KEEP_FROM
            self._prefix = list(prefix)
        else:
            self._api.llama_memory_seq_rm(self._memory, 0, len(prefix), -1)
        self._decode(rest, len(prefix), wanted=True)
        return computed

    def keep(self, kept: KeptStates) -> None:
        """Write the state of the last prompt's beginning to disk unless it is there already.

        Raises:
            OSError: the disk cannot be written.
        """
        if not self._unkept:
            return
        self._unkept = False
        self._api.llama_memory_seq_rm(self._memory, 0, len(self._prefix), -1)
        size = self._api.llama_state_seq_get_size(self._context, 0)
        buffer = (ctypes.c_ubyte * size)()
        written = self._api.llama_state_seq_get_data(self._context, buffer, size, 0)
        if written == size:
            kept.save(self._prefix, bytes(buffer))

    def _restore(self, prefix: list[int], kept: KeptStates) -> bool:
        state = kept.load(prefix) if len(prefix) >= KEEP_FROM else None
        if state is None:
            return False
        buffer = (ctypes.c_ubyte * len(state)).from_buffer_copy(state)
        api = self._api
        if api.llama_state_seq_set_data(self._context, buffer, len(state), 0) != len(state) or (
            api.llama_memory_seq_pos_max(self._memory, 0) != len(prefix) - 1
        ):
            api.llama_memory_clear(self._memory, True)
            return False
        return True

    def _decode(self, tokens: list[int], start: int, *, wanted: bool) -> None:
        batch = self._batch
        for offset in range(0, len(tokens), self._batch_size):
            chunk = tokens[offset : offset + self._batch_size]
            batch.n_tokens = len(chunk)
            for index, token in enumerate(chunk):
                batch.token[index] = token
                batch.pos[index] = start + offset + index
                batch.n_seq_id[index] = 1
                batch.seq_id[index][0] = 0
                batch.logits[index] = 0
            if wanted and offset + len(chunk) == len(tokens):
                batch.logits[len(chunk) - 1] = 1
            code = self._api.llama_decode(self._context, batch)
            if code != 0:
                self._prefix = []
                raise RuntimeError(f"llama_decode returned {code}: {self._reason()}")

    # -- writing -------------------------------------------------------------------------------

    def score(self, position: int, choices: list[str]) -> list[float]:
        """Return each choice's natural log-probability up to where it parts from all the others.

        Raises:
            ValueError: a choice is the beginning of another one, or the same.
        """
        scores = [0.0] * len(choices)
        self._score(position, [(i, self._tokens(c)) for i, c in enumerate(choices)], scores)
        return scores

    def _score(
        self, position: int, choices: list[tuple[int, list[int]]], scores: list[float]
    ) -> None:
        likely = self._log_probabilities()
        groups: dict[int, list[tuple[int, list[int]]]] = {}
        for index, tokens in choices:
            if not tokens:
                raise ValueError("choices must not begin with one another")
            scores[index] += float(likely[tokens[0]])
            groups.setdefault(tokens[0], []).append((index, tokens[1:]))
        for token, group in groups.items():
            if len(group) > 1:
                self._decode([token], position, wanted=True)
                self._score(position + 1, group, scores)
                self._api.llama_memory_seq_rm(self._memory, 0, position, -1)

    def _log_probabilities(self) -> Any:
        import numpy

        logits = self._logits().astype(numpy.float64)
        logits -= logits.max()
        return logits - numpy.log(numpy.exp(logits).sum())

    def write(self, position: int, grammar: str, most: int) -> Iterator[bytes]:
        """Yield the likeliest tokens' bytes under a GBNF grammar, at most ``most`` of them; end
        without yielding where the model and the grammar agree that the text is complete.

        Raises:
            ValueError: llama.cpp cannot parse the grammar.
        """
        api = self._api
        rules = api.llama_sampler_init_grammar(self._vocabulary, grammar.encode(), b"root")
        if not rules:
            raise ValueError(f"not a GBNF grammar with a rule called root: {grammar[:200]!r}")
        try:
            for _ in range(most):
                token = self._pick(rules)
                if api.llama_vocab_is_eog(self._vocabulary, token):
                    return
                api.llama_sampler_accept(rules, token)
                yield self._piece(token)
                self._decode([token], position, wanted=True)
                position += 1
        finally:
            api.llama_sampler_free(rules)

    def _pick(self, rules: Any) -> int:
        """Return the likeliest token that the grammar allows.

        A few likely tokens are tried first, because asking a grammar about every word takes longer
        than the model takes for a token. The outcome is the same: what is left out is less likely.
        """
        import numpy

        logits = self._logits().copy()
        logits[self._control] = -numpy.inf
        for few in (1, _SHORTLIST, self._words):
            if few == 1:
                chosen = numpy.array([int(logits.argmax())])
            elif few < self._words:
                chosen = numpy.argpartition(logits, -few)[-few:]
            else:
                chosen = numpy.arange(self._words)
            allowed = self._allowed(rules, chosen, logits[chosen])
            best = int(allowed.argmax())
            if allowed[best] > -numpy.inf:
                return int(chosen[best])
        raise ValueError("the grammar came to a point where no token can follow")

    def _allowed(self, rules: Any, ids: Any, logits: Any) -> Any:
        import numpy

        api = self._api
        rows = numpy.zeros(len(ids), dtype=[("id", "i4"), ("logit", "f4"), ("p", "f4")])
        rows["id"], rows["logit"] = ids, logits
        array = api.llama_token_data_array(
            data=rows.ctypes.data_as(ctypes.POINTER(api.llama_token_data)),
            size=len(rows),
            selected=-1,
            sorted=False,
        )
        api.llama_sampler_apply(rules, ctypes.byref(array))
        return rows["logit"]

    def _logits(self) -> Any:
        import numpy

        pointer = self._api.llama_get_logits_ith(self._context, -1)
        return numpy.ctypeslib.as_array(pointer, shape=(self._words,))

    # -- words ---------------------------------------------------------------------------------

    def _tokens(self, text: str, *, special: bool = False, first: bool = False) -> list[int]:
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        buffer = (ctypes.c_int32 * room)()
        count = self._api.llama_tokenize(
            self._vocabulary, data, len(data), buffer, room, first, special
        )
        if count < 0:
            raise RuntimeError(f"llama_tokenize needs {-count} tokens for {len(data)} bytes")
        return list(buffer[:count])

    def _piece(self, token: int) -> bytes:
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = self._api.llama_token_to_piece(self._vocabulary, token, buffer, room, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def _control_tokens(self) -> list[int]:
        """Return the control tokens that do not end a text: no grammar may let them through."""
        api = self._api
        return [
            token
            for token in range(self._words)
            if api.llama_vocab_is_control(self._vocabulary, token)
            and not api.llama_vocab_is_eog(self._vocabulary, token)
        ]

    def _chat_frame(self) -> tuple[str, str, str]:
        """Return what the model's chat template puts before, between and after the two texts."""
        api = self._api
        template = api.llama_model_chat_template(self._model, None)
        messages = (api.llama_chat_message * 2)(
            api.llama_chat_message(role=b"system", content=_SYSTEM.encode()),
            api.llama_chat_message(role=b"user", content=_USER.encode()),
        )
        buffer = ctypes.create_string_buffer(4096)
        count = (
            api.llama_chat_apply_template(template, messages, 2, True, buffer, 4096)
            if template
            else -1
        )
        text = buffer.raw[:count].decode() if 0 <= count <= 4096 else ""
        # A template that llama.cpp does not know, or that drops the system part: ChatML.
        if _SYSTEM not in text or _USER not in text:
            text = _CHATML
        before, rest = text.split(_SYSTEM, 1)
        between, after = rest.split(_USER, 1)
        return before, between, after

    # -- complaints ----------------------------------------------------------------------------

    def _logged(self, level: int, text: bytes, _data: object) -> None:
        if level in (2, 3):  # warnings and errors
            self._errors = [*self._errors[-4:], text.decode("utf-8", "replace").strip()]

    def _reason(self) -> str:
        return next((line for line in self._errors if line), "no reason given")
