"""docs/performance.md and docs/performance.svg from the results of bench/compare."""
import statistics

ROWS = ["prefill 512", "prefill 2048", "decode 1", "decode 1, text that repeats", "decode 8", "decode 32", "decode 64",
        "http 64", "first_token_s", "server first_token_s", "peak_rss_MB", "shared prefix, warm_s",
        "shared prefix, cold_s"]
LABELS = {"http 64": "64 streams over HTTP", "first_token_s": "load to first token, s",
          "server first_token_s": "server start to first token, s", "peak_rss_MB": "peak memory of a run, MB",
          "shared prefix, warm_s": "32 requests on a cached prefix of about 1,024 tokens, s",
          "shared prefix, cold_s": "the same prefix for the first time, s"}
# What the peers have no separate figure for is held against this row of theirs.
AGAINST = {"decode 1, text that repeats": "decode 1"}
# The limit of a rate that has none of its own: what the engine could do at best without drafts and without HTTP.
LIMIT_OF = {"decode 1, text that repeats": "decode 1", "http 64": "decode 64"}
OURS = {"strata": ["strata-default", "strata-copy-default", "strata-start-default", "strata-server-default"],
        "strata, int8": ["strata-int8", "strata-copy-int8", "strata-start-int8", "strata-server-int8"],
        "strata, int8-columns": ["strata-int8-columns", "strata-copy-int8-columns", "strata-start-int8-columns",
                                 "strata-server-int8-columns"]}
PEERS = {"llama.cpp Q4_0": ["llamacpp-q4_0", "llamacpp-server-q4_0"], "llama.cpp Q8_0": ["llamacpp-q8_0"],
         "OpenVINO GenAI": ["openvino-q4_1"]}


def less_is_better(row):
    return row.endswith("_s") or row.endswith("_MB")


def values(results, tasks, row):
    """One figure a round, None where it is missing."""
    return [next((done[task][row] for task in tasks if row in done.get(task, {})), None) for done in results["rounds"]]


def known(figures):
    return [v for v in figures if v is not None]


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(figures):
    figures = known(figures)
    if not figures:
        return ""
    spread = f" ({number(min(figures))}–{number(max(figures))})" if len(figures) > 1 else ""
    return f"{number(statistics.median(figures))}{spread}"


def best_peer(results, row):
    """(name, figures) of the peer with the best median."""
    row = AGAINST.get(row, row)
    candidates = [(name, values(results, tasks, row)) for name, tasks in PEERS.items()]
    candidates = [(name, figures) for name, figures in candidates if known(figures)]
    if not candidates:
        return None
    choose = min if less_is_better(row) else max
    return choose(candidates, key=lambda item: statistics.median(known(item[1])))


def ratio(row, ours, theirs):
    """Median over rounds of the ratio within a round, above 1 when strata is better."""
    pairs = [(a, b) for a, b in zip(ours, theirs) if a and b]
    ratios = [b / a if less_is_better(row) else a / b for a, b in pairs]
    return ratios


def limit(results, tasks, row):
    """(tokens a second, "bytes" or "arithmetic"), the median over rounds."""
    row = LIMIT_OF.get(row, row)
    found = [done[task]["limits"][row] for done in results["rounds"] for task in tasks
             if row in done.get(task, {}).get("limits", {})]
    return (statistics.median(v for v, _ in found), found[0][1]) if found else None


def table(results):
    names = list(OURS) + list(PEERS)
    forms = [name.removeprefix("strata") for name in OURS]  # "", ", int8", ", int8-columns"
    columns = ["measure", *names, "best peer", *("ratio" + form for form in forms), "limit",
               *("of it" + form for form in forms)]
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in ROWS:
        ours = {name: values(results, tasks, row) for name, tasks in OURS.items()}
        if not any(known(figures) for figures in ours.values()):
            continue
        best = best_peer(results, row)
        cells = [LABELS.get(row, row + (", tok/s" if not less_is_better(row) else ""))]
        cells += [cell(ours[name]) for name in OURS] + [cell(values(results, tasks, row)) for tasks in PEERS.values()]
        cells.append(best[0] if best else "")
        for name in OURS:
            ratios = ratio(row, ours[name], best[1]) if best else []
            cells.append(f"{statistics.median(ratios):.2f}× ({min(ratios):.2f}–{max(ratios):.2f})" if ratios else "")
        # Of the weights as shipped. Int8 columns, which have more bytes, are held to their own.
        shipped = OURS["strata"] + OURS["strata, int8"]
        bound = limit(results, shipped, row)
        cells.append(f"{number(bound[0])} by {bound[1]}" if bound else "")
        for name, tasks in OURS.items():
            share, bound = known(ours[name]), limit(results, shipped if tasks[0] in shipped else tasks, row)
            cells.append(f"{100 * statistics.median(share) / bound[0]:.0f} %" if bound and share else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(results):
    """Bars of the ratio to the best peer, drawn by hand: no library for a dozen rectangles."""
    bars = []
    for row in ROWS:
        best = best_peer(results, row)
        if not best or row == "peak_rss_MB":
            continue
        for name, colour in zip(OURS, ("#3b6ea8", "#d1792c", "#4f9d5d")):
            ratios = ratio(row, values(results, OURS[name], row), best[1])
            if ratios:
                bars.append((LABELS.get(row, row), name, colour, statistics.median(ratios), min(ratios), max(ratios)))
    if not bars:
        return None
    top = max(bar[5] for bar in bars)
    scale, left, height = 480 / top, 340, 18
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="{len(bars) * height + 50}" '
           'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>',
           '<text x="10" y="16">Ratio to the best peer of the row (1 = as fast); median, with the spread over rounds</text>']
    for i, (label, name, colour, median, low, high) in enumerate(bars):
        y = 28 + i * height
        out.append(f'<text x="{left - 6}" y="{y + 11}" text-anchor="end">{label} · {name}</text>')
        out.append(f'<rect x="{left}" y="{y}" width="{median * scale:.1f}" height="13" fill="{colour}"/>')
        out.append(f'<line x1="{left + low * scale:.1f}" x2="{left + high * scale:.1f}" y1="{y + 6.5}" y2="{y + 6.5}" '
                   'stroke="black"/>')
        out.append(f'<text x="{left + high * scale + 5:.1f}" y="{y + 11}">{median:.2f}</text>')
    out.append(f'<line x1="{left + scale:.1f}" x2="{left + scale:.1f}" y1="24" y2="{30 + len(bars) * height}" '
               'stroke="#888" stroke-dasharray="3 3"/></svg>')
    return "\n".join(out) + "\n"


def write(results, docs):
    machine = results.get("machine", {})
    rounds = len(results["rounds"])
    text = ["# Performance", "",
            f"Written by `bench/compare` from {rounds} interleaved rounds; do not edit. SmolLM2-135M-Instruct, Q4_1 as "
            f"shipped, {machine.get('threads')} threads; median (least–greatest). int8 and int8-columns are values of "
            "`--activations`; the latter rounds weights as well, when it loads them. Decoding rows are of an engine for as many "
            "sequences, prefill and HTTP of one for 64. A ratio is taken within each round to the best peer of the row, and is above "
            "1 where strata is better; its median is shown.", "",
            f"{machine.get('cpu')}, {machine.get('cores')} CPUs, Linux {machine.get('kernel')}; {machine.get('date')}; "
            f"strata {machine.get('strata')}, llama.cpp 0c1e57098, OpenVINO GenAI 2026.4.1.", ""]
    if results.get("llamacpp_note"):
        text += [f"llama.cpp was {results['llamacpp_note']}.", ""]
    text += ["```", *machine.get("doctor", []), "```", "", table(results), ""]
    once = results.get("once", {})
    if once:
        text += ["Perplexity, first 20,000 bytes of the GPL-3, windows of 512 tokens:", "", "| | perplexity |", "|---|---|"]
        names = {"default": "strata, Q4_1 as shipped", "int8": "strata, int8 activations",
                 "int8-columns": "strata, int8 columns",
                 "q4_1": "llama.cpp Q4_1", "q4_0": "llama.cpp Q4_0", "q8_0": "llama.cpp Q8_0"}
        text += [f"| {label} | {once['perplexity-' + who]['perplexity']:.2f} |" for who, label in names.items()
                 if "perplexity-" + who in once]
        text.append("")
    text += ["The limit is the roofline of the file as shipped (int8-columns is held to its own) with the peaks above: packed weights "
             "and KV cache once a step at the bandwidth of that footprint, or 8-bit products once a weight and token at the int8 "
             "peak, whichever takes longer; of the rows that are rates. The row on text that repeats is held against the peers' plain decoding and the limit of one "
             "token a step, the row over HTTP against the limit of the engine's decoding alone.", ""]
    svg = plot(results)
    if svg:
        (docs / "performance.svg").write_text(svg)
        text += ["![ratios to the best peer](performance.svg)", ""]
    (docs / "performance.md").write_text("\n".join(text))
