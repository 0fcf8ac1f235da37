"""Every promise of an IntentOS executor, tried on this one."""

import pytest
from intentos_executor_duckdb import DuckDBExecutor
from intentos_executor_duckdb.samples import SAMPLES

from intentos.testing import ExecutorContract


class TestDuckDB(ExecutorContract):
    samples = SAMPLES

    @pytest.fixture
    def executor(self) -> DuckDBExecutor:
        return DuckDBExecutor()
