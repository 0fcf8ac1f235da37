"""What `intentos executors check duckdb` and this package's tests try the executor on."""

from intentos.samples import Samples

SAMPLES = Samples(
    language="sql",
    hello="SELECT 'hello' AS word",
    fails="SELECT no_such_column FROM range(3)",
    complaint="no_such_column",
    sleeps="SELECT sum(a.range * b.range % 7) FROM range(10000000) a, range(10000000) b",
    makes_file="SELECT 6 * 7 AS answer",
    floods="SELECT repeat('water', 200) AS water FROM range(1000)",
    meets="CREATE TABLE trace AS SELECT 1 AS x; SELECT count(*) FROM trace",
    draws="SELECT random() AS chance, uuid() AS word FROM range(3)",
    echoes="SELECT $words AS words",
    reads_input="SELECT word FROM given WHERE number = 12",
    takes_memory="SELECT list(i::VARCHAR || repeat('x', 100)) FROM range(20000000) t(i)",
    fills_disk="SELECT repeat('x', 1000) AS x FROM range(20000)",
    reads_file=lambda path: f"SELECT content FROM read_text('{path}')",
    connects=lambda port: f"SELECT * FROM read_csv('http://127.0.0.1:{port}/x.csv')",
)
