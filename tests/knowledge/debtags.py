"""Whether the lexical index ranks as a reference does, and well: Debian's packages for what their tags mean."""
import collections
import math
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

from reference_bm25 import Reference

# Tags of these facets say what a package is about; the others how it is made (language, toolkit, role).
TOPICS = {"accessibility", "admin", "biology", "culture", "devel", "education", "field", "filetransfer", "game", "hardware",
          "junior", "mail", "network", "office", "protocol", "science", "security", "sound", "system", "use", "web",
          "works-with", "works-with-format"}
DEPTH = 100
# A little below what it is: packages come and go.
LEAST_NDCG = 0.395


def stanzas(path):
    """Fields of each stanza; of a field that goes on, all its lines."""
    fields = {}
    for line in open(path, encoding="utf-8", errors="replace"):
        if line[0] in " \t" and fields:
            fields[last] += line
        elif ":" in line:
            last, value = line.split(":", 1)
            fields[last] = value.strip() + "\n"
        elif fields:
            yield fields
            fields = {}
    if fields:
        yield fields


def indexed_text(name, description):
    """As strata indexes a document whose title is the package and its summary: the title twice, then the text."""
    summary, _, text = description.partition("\n")
    title = f"{name}: {summary}"
    return " ".join([title, title, *text.replace("\n .", "\n").split()])


def judged_set(data):
    """Indexed texts by package, and for each topic its words and its packages."""
    long_texts = {fields["Description-md5"].strip(): fields.get("Description-en", "")
                  for fields in stanzas(data / "Translation-en") if "Description-md5" in fields}
    texts, tagged = {}, collections.defaultdict(set)
    for fields in stanzas(data / "Packages"):
        name, tags = fields.get("Package", "").strip(), fields.get("Tag", "")
        if not tags or name in texts:
            continue
        text = long_texts.get(fields.get("Description-md5", "").strip(), fields.get("Description", ""))
        texts[name] = indexed_text(name, text)
        for tag in re.split(r"[,\s]+", tags):
            tagged[tag].add(name)
    topics = {}
    for fields in stanzas(data / "vocabulary"):
        tag = fields.get("Tag", "").strip()
        if tag.split("::")[0] in TOPICS and 5 <= len(tagged[tag]) <= 300:
            topics[tag] = (fields.get("Description", "").split("\n")[0], tagged[tag])
    return texts, topics


def ndcg(ranking, relevant, depth=10):
    gains = sum(1 / math.log2(place + 2) for place, name in enumerate(ranking[:depth]) if name in relevant)
    return gains / sum(1 / math.log2(place + 2) for place in range(min(depth, len(relevant))))


def check_query(ranking, scores):
    """What differs from the reference; nothing when only equals changed places."""
    best = sorted(scores.values(), reverse=True)[:DEPTH]
    if len(ranking) != len(best):
        return f"{len(ranking)} results, not {len(best)}"
    for place, ((name, score), want) in enumerate(zip(ranking, best)):
        if abs(score - want) > 1e-6 * max(1, want):
            return f"place {place}: score {score}, not {want}"
        if abs(scores[name] - score) > 1e-6 * max(1, score):
            return f"{name}: score {score}, not {scores[name]}"
    return None


def main():
    program, data, stop_words_source = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    texts, topics = judged_set(data)
    names = list(texts)
    source = pathlib.Path(stop_words_source).read_text(encoding="utf-8")
    english = re.search(r"kEnglish =(.*?);", source, re.S).group(1)
    # The index's constants are f32.
    as_f32 = lambda value: struct.unpack("f", struct.pack("f", value))[0]
    reference = Reference(" ".join(re.findall(r'"([^"]*)"', english)).split(), k1=as_f32(0.9), b=as_f32(0.4))
    with tempfile.TemporaryDirectory() as work:
        documents, queries = pathlib.Path(work, "documents"), pathlib.Path(work, "queries")
        documents.write_text("".join(texts[name] + "\n" for name in names), encoding="utf-8")
        queries.write_text("".join(words + "\n" for words, _ in topics.values()), encoding="utf-8")
        output = subprocess.run([program, documents, queries, str(DEPTH)], check=True, capture_output=True, text=True,
                                timeout=300).stdout
    rankings = collections.defaultdict(list)
    for line in output.splitlines():
        query, document, score = line.split("\t")
        rankings[int(query)].append((names[int(document) - 1], float(score)))
    for name in names:
        reference.add(name, texts[name])
    failures, total = [], 0
    for number, (tag, (words, relevant)) in enumerate(topics.items(), 1):
        problem = check_query(rankings[number], reference.search(words))
        if problem:
            failures.append(f"{tag} ({words}): {problem}")
        total += ndcg([name for name, _ in rankings[number]], relevant)
    mean = total / len(topics)
    print(f"{len(names)} packages, {len(topics)} topics: nDCG@10 {mean:.4f}; {len(failures)} differ from the reference")
    for failure in failures[:20]:
        print(failure)
    return 0 if not failures and mean >= LEAST_NDCG else 1


sys.exit(main())
