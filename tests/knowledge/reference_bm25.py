"""BM25 over terms as src/knowledge/lexical/analyser.h defines them, written from that text alone."""
import collections
import math
import re
import unicodedata

import Stemmer

SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff" \
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
CONNECTORS = re.compile(r"[._\-/@:\\]{1,3}\Z")
INVISIBLE = "\u00ad\u200c\u200d\u2060\ufeff"
MOST_BYTES = 128


def is_letter(character):
    return unicodedata.category(character)[0] == "L"


def word_end(text, begin, spaceless):
    """The end of the word that begins here; `begin` itself when none does."""
    at = begin
    while at < len(text):
        character, following = text[at], text[at + 1:at + 2]
        if unicodedata.category(character)[0] in "LNM" and not spaceless.match(character):
            at += 1
        elif character in INVISIBLE:
            at += 1
        elif character in "'\u2019" and at > begin and is_letter(text[at - 1]) and following and is_letter(following):
            at += 1
        elif character == "." and at > begin and text[at - 1].isdigit() and following.isdigit():
            at += 1
        elif character == "," and re.match(r",\d{3}(?!\d)", text[at:at + 5]) and re.fullmatch(r"[\d.,]+", text[begin:at]):
            at += 1
        else:
            break
    return at


def pieces_of(word):
    """At a change between letters and digits; before a capital after a small letter; before the last of capitals."""
    kinds = "".join("D" if unicodedata.category(c)[0] == "N" else "U" if c.lower() != c else "l" if c.upper() != c
                    else "x" if is_letter(c) else "." for c in word)
    ends = [match.start() for match in re.finditer(r"(?<=D)(?=[Ulx])|(?<=[Ulx])(?=D)|(?<=l)(?=U)|(?<=U)(?=Ul)", kinds)]
    return [word[begin:end] for begin, end in zip([0, *ends], [*ends, len(word)])]


class Reference:
    def __init__(self, stop_words, language="english", k1=0.9, b=0.4):
        self.stop_words, self.k1, self.b = frozenset(stop_words), float(k1), float(b)
        self.stemmer = Stemmer.Stemmer(language)
        self.spaceless = re.compile(f"[{SPACELESS}]+")
        self.postings, self.lengths = collections.defaultdict(dict), {}

    def term(self, word):
        folded = unicodedata.normalize("NFKC", word.encode()[:MOST_BYTES].decode(errors="ignore").casefold())
        folded = folded.translate(dict.fromkeys(map(ord, INVISIBLE)))
        if any(character.isnumeric() for character in folded):
            return folded.replace(",", "")
        folded = folded.replace("\u2019", "'")
        return None if folded in self.stop_words else self.stemmer.stemWord(folded)

    def words(self, text):
        at, words = 0, []
        while at < len(text):
            run = self.spaceless.match(text, at)
            end = run.end() if run else word_end(text, at, self.spaceless)
            if end > at:
                words.append((at, end, bool(run)))
            at = max(end, at + 1)
        return words

    def analyse(self, text, is_query=False):
        text = unicodedata.normalize("NFKC", text)
        terms, length, last = [], 0, None

        def finish(group):
            if group and len(group) > 1:
                whole = text[group[0][0]:group[-1][1]]
                if len(whole.encode()) <= MOST_BYTES:
                    terms.append(whole.casefold())

        group = []
        for begin, end, is_run in self.words(text):
            word = text[begin:end]
            joined = group and not is_run and CONNECTORS.match(text[last:begin])
            if not joined:
                finish(group)
                group = []
            last = end
            if is_run:
                if len(word) == 1 or not is_query:
                    terms += list(word)
                terms += [word[i:i + 2] for i in range(len(word) - 1)]
                length += max(1, len(word) - 1)
                continue
            group.append((begin, end))
            term = self.term(word)
            if term:
                terms.append(term)
                length += 1
            pieces = pieces_of(word) if len(word.encode()) <= MOST_BYTES else [word]
            if len(pieces) > 1:
                terms += [term for piece in pieces if len(piece) > 1 and (term := self.term(piece))]
        finish(group)
        return collections.Counter(terms), length

    def add(self, document, text):
        counts, self.lengths[document] = self.analyse(text)
        for term, count in counts.items():
            self.postings[term][document] = count

    def search(self, query):
        """{document: score} of all that share a term with the query."""
        mean = sum(self.lengths.values()) / len(self.lengths)
        scores = collections.defaultdict(float)
        for term, weight in self.analyse(query, is_query=True)[0].items():
            found = self.postings.get(term, {})
            idf = math.log(1 + (len(self.lengths) - len(found) + 0.5) / (len(found) + 0.5))
            for document, count in found.items():
                norm = self.k1 * (1 - self.b + self.b * self.lengths[document] / mean)
                scores[document] += weight * idf * count / (count + norm)
        return scores
