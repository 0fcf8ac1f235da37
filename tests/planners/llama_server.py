"""llama-cpp-python's own server of the chat completions API, as a process for tests.

``python llama_server.py MODEL PORT``. Weights are not repacked: llama.cpp of 0.3.36 crashes with
repacked ones on CPUs with AMX, and the server has no option for it.
"""

from __future__ import annotations

import sys
from typing import Any

import llama_cpp
import uvicorn
from llama_cpp.server.app import create_app
from llama_cpp.server.settings import ModelSettings, ServerSettings


def main() -> None:
    """Serve until the process is killed."""
    api: Any = llama_cpp.llama_cpp
    defaults = api.llama_model_default_params

    def without_repacking() -> Any:
        parameters = defaults()
        parameters.use_extra_bufts = False
        return parameters

    api.llama_model_default_params = without_repacking
    model = ModelSettings(
        model=sys.argv[1], model_alias="local", n_ctx=4096, n_batch=128, n_threads=1, verbose=False
    )
    app = create_app(server_settings=ServerSettings(), model_settings=[model])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")


if __name__ == "__main__":
    main()
