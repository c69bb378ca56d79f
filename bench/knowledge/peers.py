"""Peers from PyPI on the texts and vectors that the benches beside it wrote: one thread each.

python3 bench/knowledge/peers.py lexical FOLDER   # tantivy: texts.txt, queries.txt
python3 bench/knowledge/peers.py vectors FOLDER   # usearch: vectors.f32, queries.f32, truth.u32
"""
import pathlib
import sys
import time

import numpy

DIMENSIONS, BEST, ROUNDS = 384, 10, 3
M, EF_CONSTRUCTION = 16, 200  # as vectors.cc has them


def lexical(folder):
    import tantivy
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", stored=True)
    builder.add_text_field("text", index_option="freq")
    index = tantivy.Index(builder.build())
    texts = (folder / "texts.txt").read_text().splitlines()
    queries = (folder / "queries.txt").read_text().splitlines()
    start = time.perf_counter()
    writer = index.writer(heap_size=256 << 20, num_threads=1)
    for number, text in enumerate(texts):
        writer.add_document(tantivy.Document(id=number, text=text))
    writer.commit()
    writer.wait_merging_threads()
    took = time.perf_counter() - start
    print(f"tantivy: {sum(map(len, texts)) / 1e6 / took:.2f} MB/s")
    index.reload()
    searcher = index.searcher()
    parsed = [index.parse_query(query, ["text"]) for query in queries]
    times = []
    for _ in range(ROUNDS):
        for query in parsed:
            start = time.perf_counter()
            searcher.search(query, BEST, count=False)
            times.append(time.perf_counter() - start)
    p50, p99 = 1e3 * numpy.percentile(times, [50, 99])
    print(f"{'tantivy':<16} p50 {p50:.3f} ms  p99 {p99:.3f} ms  ({searcher.num_segments} segments)")


def vectors(folder):
    from usearch.index import Index
    rows = numpy.fromfile(folder / "vectors.f32", dtype=numpy.float32).reshape(-1, DIMENSIONS)
    queries = numpy.fromfile(folder / "queries.f32", dtype=numpy.float32).reshape(-1, DIMENSIONS)
    truth = numpy.fromfile(folder / "truth.u32", dtype=numpy.uint32).reshape(-1, BEST)
    keys = numpy.arange(1, len(rows) + 1)
    for kind in ("f32", "f16", "i8"):
        index = Index(ndim=DIMENSIONS, metric="ip", dtype=kind, connectivity=M, expansion_add=EF_CONSTRUCTION)
        start = time.perf_counter()
        index.add(keys, rows, threads=1)
        print(f"usearch {kind} ({index.hardware_acceleration}): built in {time.perf_counter() - start:.1f} s")
        for ef in (16, 32, 64, 96, 128, 256):
            index.expansion_search = ef
            start = time.perf_counter()
            for _ in range(ROUNDS):
                found = index.search(queries, BEST, threads=1).keys
            took = time.perf_counter() - start
            recall = numpy.mean([len(numpy.intersect1d(a, b)) / BEST for a, b in zip(found, truth)])
            print(f"{'usearch ' + kind:<18} ef {ef:4}  recall@10 {recall:.4f}  {ROUNDS * len(queries) / took:8.0f} searches/s",
                  flush=True)


{"lexical": lexical, "vectors": vectors}[sys.argv[1]](pathlib.Path(sys.argv[2]))
