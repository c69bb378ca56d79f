#!/usr/bin/env python3
"""Regular expressions with texts that they accept and reject, by JavaScript (or Python, for what only it has).

    tools/golden/grammar_patterns.py MASKBENCH.jsonl > src/grammar/testdata/patterns.json
needs: node 20, Python 3.11

MASKBENCH is the sample of MaskBench (guidance-ai/jsonschemabench, MIT): all its `pattern` and `patternProperties`; the rest
is in HAND below. Texts are drawn at random from each pattern's parse, and near them. Output: a list of {"pattern", "engine",
"accepts", "rejects"}; the engine is "u" (RegExp with the u flag), "annex-b" (without, where u refuses the pattern) or
"python" (re.search; the pattern is not JavaScript's).
"""
import json
import random
import re
import subprocess
import sys
import warnings
from re import _constants as op
from re import _parser as parser

HAND = r"""
^$
^
$
a|
|a
()
(?:)
^a|b$
^(?:a|b)$
(^|x)y($|z)
(^a|b)c
a(b|$)
(a|b$)c
^(a$|ab)
(^a?)b
(^|,)a(,|$)
^(a(,|$))+
^([a-z]+(, |$))+$
^(\d+(;|$)){2,3}
(^a)*b
(^a|b)*c
(^|a){2}b
(^|a){3,}b
(a|$){2}
(a|$){2,3}b
(^|$)
(^|b|$){2}a
(^$)|x
a^b
a$b
^^a$$
(?:^a$)?
(?:^a|b$)+
(?=a)b
(?=ab)a
(?=.*\d)(?=.*[a-z]).{4,}
^(?=.*\d)(?=.*[a-z]).{4,8}$
^(?=.{1,10}$)[a-z]+(\.[a-z]+)*$
^(?!.*\.\.)[a-z.]+$
^(?!-)[a-z-]{1,5}(?![^-])
^(?!con$|prn$)[a-z]+$
^(?!abc)
(?!a)
(?!a)b
x(?!y)
x(?!y|$)
foo(?!bar)
foo(?=bar)ba
^a(?=b|c)(?!c)[bc]$
^(?:(?!foo).)*$
^(?:(?!foo)[a-z])+$
^((?!\.\.)[a-z.]){1,4}$
^(?:(?=a)a|b)$
^(?:(?=a)a){2}b
^(?:(?!b)[ab]){0,3}c
(?=(a))*b
(?!(?!a))b
(?!(?=a).)
^(?=(?:ab|a$))a
(?=$)
a(?=$)
(?=^a)
x(?=^a)
(?!^)a
(?!$)
^(?!$)a?
[]
[^]
a[]|b
[^]{2}
^[^]$
^[\s\S]$
[a-]
[-a]
[a\-z]
[\]]
[\^a]
[^^a]
[a^]
[.*+?]
[\w-.]
[\d-x]
[a-\d]
[\b]
[\cA]
[\0]
[\u0041-\u0043]
[\u{1F600}-\u{1F64F}]
[\uD83D\uDE00]
\uD83D\uDE00
^[😀-😃]$
^.$
^..$
^🐲*$
[^a]
^[^a]$
[^\w]
[^\d\s]
[\W\d]
^[\w\W]$
[+--]
[--/]
[!-~]
\x41\u0042\u{43}
\cJ
\0
\t\n\v\f\r
\/\.\*\+\?\(\)\[\]\{\}\|\^\$\\
\-\_
\d\D\w\W\s\S
^\s$
^\S$
^\w$
^\d$
\p{L}
^\p{L}+$
\p{Lu}\p{Ll}
^\p{Letter}+$
^\p{gc=Nd}$
^\p{General_Category=Decimal_Number}$
^\p{digit}$
\P{L}
^[\p{L}\p{N}]+$
^[^\p{L}]$
^\p{ASCII}+$
^\p{Any}$
^\p{Assigned}$
^\p{Sc}$
^\p{P}$
^\p{Zs}$
^\p{M}$
^\p{White_Space}$
^\p{AHex}+$
a{3}
a{2,}
a{2,3}
a{0}
a{0,0}b
a{1}{
^(?:a{2}){3}$
^(?:a{2,3}){2}$
^(?:a?){3}$
^(?:a*)*$
^(?:a*b)*$
^(?:a|aa)+$
^(?:a+)+$
(?:)*
(?:a?)*
a*?b
a+?b
a??b
a{2,3}?b
(?<year>\d{4})-(?<month>\d\d)
(?:(?:(?:(?:a))))
{
}
]
a{
a{x}
a{1
a{1,x}
}{
x{,
\{\{.+}}
^{.*}$
a]b
^([a-z]{2}|[a-z]{3}-[A-Z]{2})$
^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$
^(([^<>()[\]\\.,;:\s@"]+(\.[^<>()[\]\\.,;:\s@"]+)*)|(".+"))@(([^<>()[\]\\.,;:\s@"]+\.)+[^<>()[\]\\.,;:\s@"]{2,})$
^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-(?:[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$
^[A-Z]{2}\d{2}[A-Z0-9]{1,30}$
^(\([0-9]{3}\))?[0-9]{3}-[0-9]{4}$
"""

# Python's alone; Python's meaning of them.
PYTHON = [r"(?P<n>a)b", r"\Aab\Z", r"\Aa|b\Z", r"(?i)straße", r"(?i)^[a-c]+$", r"(?i:AB)c", r"(?i)k", r"(?s)^a.b$",
          r"(?s:.)x", r"^(?i:a|B)$", r"(?#note)a", r"(?i)^[^k]$", r"(?i)σ", r"(?is)^A.B$"]
# JavaScript's i flag, whose foldings Python does not quite share; written here as inline flags.
INSENSITIVE = ["^[k]$", "^ſ$", "^[^s]$", "^ß$", "^ẞ$", "^σ$", "^İ$", "^i$", "^\\u212A$", "^[a-z]$", "^\\w$", "^\\W$", "^Ǆ$",
               "^\\p{Lu}$", "^\\P{Lu}$", "^[^\\p{Lu}]$", "^ᾳ$", "^ꭰ$", "^Ω$", "^\\u0390$", "^ﬅ$", "^ΰ$"]
ODD = ["a", "k", "K", "\u212A", "s", "S", "ſ", "ß", "ẞ", "σ", "ς", "Σ", "i", "I", "İ", "ı", "ǆ", "ǅ", "Ǆ", "ω", "Ω", "Ω", "é", "É",
       "ᾳ", "ᾼ", "ꭰ", "Ꭰ", "1", "_", "-", " ", "\n", "\r", "\u2028", "\ufeff", "\u00a0", "\u0085", "\x1c", "٣", "字", "😀",
       "\u0300", "€", "\u0390", "\u1fd3", "ﬆ", "ﬅ", "\u1fe3", "\u03b0", "", "ab", "aa", "xx", "\U0010ffff", "\u0378", "\ue000"]

COMMON = ["", "a", "b", "ab", "abc", "ba", "aab", "aaa", "xyz", "0", "12", "a1", "1a", "-", "_", ".", "a.b", "a-b", "a b", "a\nb", "\n",
          "a\n", "\na", "foo", "foobar", "barfoo", "yx", "xy", "y", "xyz", "yz", "xy\n", "c", "aac", "bc", "{", "}", "]", "{{x}}", "a{1", "é", "٣"]


def draw(tree, rng):
    """A text that the parsed pattern matches, if its assertions hold."""
    out = []
    for kind, value in tree:
        if kind == op.LITERAL:
            out.append(chr(value))
        elif kind == op.NOT_LITERAL:
            out.append(rng.choice([c for c in "ab0-. é字" if ord(c) != value]))
        elif kind == op.ANY:
            out.append(rng.choice("ab0-. /é字😀"))
        elif kind == op.IN:
            out.append(member(value, rng))
        elif kind == op.BRANCH:
            out.append(draw(rng.choice(value[1]), rng))
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            low, high, body = value
            count = rng.randint(low, min(int(high), low + rng.choice([0, 1, 2, 5])))
            out.extend(draw(body, rng) for _ in range(count))
        elif kind == op.SUBPATTERN:
            out.append(draw(value[3], rng))
    return "".join(out)


def member(items, rng):
    negated = items[0][0] == op.NEGATE
    pool = []
    for kind, value in items:
        if kind == op.LITERAL:
            pool.append(chr(value))
        elif kind == op.RANGE:
            pool.extend(chr(rng.randint(*value)) for _ in range(3))
        elif kind == op.CATEGORY:
            name = str(value)
            pool.extend("059" if name.endswith("_DIGIT") and "NOT" not in name else
                        " \t" if name.endswith("_SPACE") and "NOT" not in name else "aZ_7" if "NOT" not in name else "é-")
    if negated:
        pool = [c for c in "abz09-._/: é字😀\n" if c not in pool] or ["q"]
    return rng.choice(pool)


def texts_of(pattern, rng):
    texts = list(COMMON) if len(pattern) < 40 else COMMON[:4]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = parser.parse(pattern)
        for _ in range(8 if len(pattern) < 400 else 3):
            text = draw(tree, rng)[:300]
            texts += [text, text + rng.choice("a0-\n"), rng.choice("a0 ") + text, text[1:], text[:-1]]
            if text:
                at = rng.randrange(len(text))
                texts.append(text[:at] + rng.choice("aZ5-. é") + text[at + 1:])
    except (re.error, OverflowError):
        pass
    if re.search(r"\\[pPwWsSd]|\[\^|^\^?\.", pattern):
        texts += ODD
    return [text for text in dict.fromkeys(texts) if not re.search("[\ud800-\udfff]", text)]


NODE = r"""
const rows = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(rows.map(([pattern, flags, texts]) => {
  for (const [engine, extra] of [['u', 'u'], ['annex-b', '']]) {
    try {
      const regex = new RegExp(pattern, flags + extra);
      return [engine, texts.map(text => regex.test(text))];
    } catch (error) {}
  }
  return [null, null];
})));
"""


def main():
    rng = random.Random(20250314)
    patterns = set()

    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == "pattern" and isinstance(inner, str):
                    patterns.add(inner)
                if key == "patternProperties" and isinstance(inner, dict):
                    patterns.update(inner)
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    for line in open(sys.argv[1], encoding="utf-8"):
        walk(json.loads(line)["schema"])
    hand = HAND.split("\n")[1:-1]
    patterns = hand + sorted(p for p in patterns if len(p) < 2000 and p not in hand)
    rows = [[p, "", texts_of(p, rng)] for p in patterns] + [[p, "i", ODD] for p in INSENSITIVE]
    answers = json.loads(subprocess.run(["node", "-e", NODE], input=json.dumps(rows), capture_output=True, text=True,
                                        check=True).stdout)
    cases = []
    for (pattern, flags, texts), (engine, matches) in zip(rows, answers):
        if engine is None:
            print(f"not JavaScript: {pattern!r}", file=sys.stderr)
            continue
        cases.append(((("(?i)" if flags else "") + pattern), engine, texts, matches))
    for pattern in PYTHON:
        texts = texts_of(pattern, rng) + ["straße", "STRASSE", "STRAßE", "K", "k", "\u212A", "ABc", "aBc", "abC", "A\nb", "a\nB", "σ", "Σ"]
        strict = pattern.replace("$", r"\Z")  # Python's $ also stands before a last newline
        cases.append((pattern, "python", texts, [re.search(strict, text) is not None for text in texts]))
    print("[")
    lines = []
    for pattern, engine, texts, matches in cases:
        lines.append(json.dumps({"pattern": pattern, "engine": engine,
                                 "accepts": [t for t, m in zip(texts, matches) if m],
                                 "rejects": [t for t, m in zip(texts, matches) if not m]}))
    print(",\n".join(lines))
    print("]")


if __name__ == "__main__":
    main()
