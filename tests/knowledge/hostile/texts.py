"""Texts that nest, repeat and lie: markup, data, code, encodings, random bytes."""
import json
import random


def html():
    for tag in ("div", "b", "table><tr><td", "ul><li", "svg", "math", "template", "font", "a", "select", "blockquote", "p"):
        yield f"deep-{tag.replace('><', '-')}.html", f"<html><body><p>river</p>{f'<{tag}>' * 60000}river"
    yield "attributes.html", "<p " + " ".join(f'a{i}="{i}"' for i in range(200000)) + ">river</p>"
    yield "long-attribute.html", '<p title="' + "river " * 500000 + '">river</p>'
    yield "comment-open.html", "<p>river</p><!--" + "x" * 3000000
    yield "comments.html", "<!---->" * 300000 + "river"
    yield "script-open.html", "<p>river</p><script>" + "var x;" * 300000
    yield "style.html", "<style>" + "p{display:none}" * 50000 + "</style><p>river</p><div>sea</div>"
    yield "entities.html", "&#x110000;&#0;&#xD800;&#99999999999999;&notanentity;&amp" * 50000 + "river"
    yield "nul.html", "<p>ri\0ver</p>" * 1000
    yield "charset-lies.html", b'<meta charset="utf-16"><p>river \xff\xfe\x80</p>'
    yield "charset-many.html", b'<meta charset="x">' * 5000 + b"<p>river"
    yield "no-end.html", "<" * 1000000
    yield "end-tags.html", "</div>" * 500000 + "river"
    yield "misnested.html", "<b><i><p><font>" * 2000 + "river" + "</b></i></p></font>" * 2000
    yield "wide-table.html", "<table><tr>" + "<td>river" * 30000 + "</table>"
    yield "spans.html", '<table><tr><td colspan="999999999" rowspan="999999999">river</td></tr>' + "<tr><td>x</td></tr>" * 1000 + "</table>"
    yield "one-line.html", "<p>" + "river" * 1000000
    yield "srcdoc.html", '<iframe srcdoc="' + "&lt;iframe srcdoc=&quot;" * 5000 + '"></iframe>river'
    yield "redirect.html", '<meta http-equiv="refresh" content="0;url=file:///etc/passwd"><link rel="import" href="file:///etc/passwd">river'


def markdown():
    yield "quotes.md", "> " * 50000 + "river"
    yield "lists.md", "".join("  " * i + "- river\n" for i in range(1500))
    yield "brackets.md", "[" * 200000 + "river"
    yield "links.md", "[a](" * 100000 + "river"
    yield "stars.md", "*a_" * 200000 + "river"
    yield "ticks.md", "".join("`" * i + " " for i in range(2000)) + "river"
    yield "columns.md", "|a" * 20000 + "|\n" + "|-" * 20000 + "|\n" + "|river" * 20000 + "|\n"
    yield "rows.md", "|a|b|\n|-|-|\n" + "|river|x|\n" * 60000
    yield "references.md", "".join(f"[r{i}]: r{i + 1}\n" for i in range(30000)) + "[r0] river"
    yield "headings.md", "".join("#" * (i % 9 + 1) + f" river {i}\n" for i in range(50000))
    yield "fence-open.md", "```\n" + "river\n" * 100000
    yield "markup.md", "<div>" * 50000 + "\n\nriver"
    yield "front-matter.md", "---\n" + "a: &a [*a]\n" + "b: {" * 5000 + "\n---\nriver"


def data():
    yield "long-cell.csv", "name,text\na,\"" + "river " * 800000 + '"\n'
    yield "quote-open.csv", 'a,b\n"' + "river,\n" * 300000
    yield "columns.csv", ",".join(f"c{i}" for i in range(60000)) + "\n" + ",".join(["river"] * 60000) + "\n"
    yield "ragged.csv", "".join(",".join(["river"] * (i % 300)) + "\n" for i in range(3000))
    yield "commas.csv", "," * 3000000
    yield "returns.csv", "a,b\rriver,1\r" * 50000
    yield "formula.csv", '=cmd|"/c calc"!A1,@SUM(1),+1,-river\n' * 10
    yield "nul.csv", "a,b\nri\0ver,\0\n" * 1000
    yield "mixed.csv", "a;b\tc,d|river\n" * 20000
    for depth in (500, 1000000):
        yield f"arrays-{depth}.json", "[" * depth + '"river"' + "]" * depth
        yield f"objects-{depth}.json", '{"a":' * depth + '"river"' + "}" * depth
    yield "open.json", '[{"a":"river"},' * 5000
    yield "number.json", '{"river": 1e999999, "b": ' + "9" * 100000 + ", \"c\": -0}"
    yield "keys-same.json", "{" + ",".join('"a":"river"' for _ in range(100000)) + "}"
    yield "keys.json", "{" + ",".join(f'"k{i}":{i}' for i in range(100000)) + "}"
    yield "surrogates.json", '{"river": "\\ud800 \\udc00\\ud800 \\u0000"}'
    yield "escapes.json", '{"river": "\\x \\u12"}'
    yield "long-string.json", json.dumps({"text": "river " * 800000})
    yield "bytes.json", b'{"river": "\xff\xfe\xc0\x80"}'
    yield "lines.jsonl", '{"a": "river"}\nnot json\n{"a":\n' * 5000
    yield "cells.ipynb", '{"cells": [{"cell_type": 5, "source": {"a": 1}}, {"cell_type": "markdown", "source": ["river", 7]}, null], "nbformat": "x"}'
    yield "cells-many.ipynb", json.dumps({"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": "river", "outputs": []}] * 30000})
    yield "alias-bomb.yaml", "a0: &a0 river\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    yield "alias-itself.yaml", "a: &a [*a, river]\n"
    yield "merge-bomb.yaml", "a0: &a0 {x: river}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 20)}]}}\n" for i in range(1, 8))
    for depth in (500, 100000):
        yield f"flow-{depth}.yaml", "[" * depth + "river" + "]" * depth
    yield "blocks.yaml", "".join(" " * i + "a:\n" for i in range(2500)) + " " * 2500 + "river"
    yield "dashes.yaml", "- " * 50000 + "river"
    yield "documents.yaml", "---\na: river\n" * 30000
    yield "comma.yaml", ",river"
    yield "brackets.yaml", "a: river\n]\n"
    yield "tabs.yaml", "a:\n\t- river\n"
    yield "tags.yaml", "!!python/object/apply:os.system ['id']\n--- !<tag:x> river\n"
    yield "key-long.yaml", "? " + "river " * 100000 + "\n: 1\n"
    yield "scalar.yaml", "a: |\n" + "  river\n" * 200000


def plain():
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "gb18030", "big5", "shift_jis", "euc-kr", "koi8-r", "utf-7"):
        yield f"{encoding}.txt", ("river " + {"koi8-r": "река"}.get(encoding, "河 ") * 1 + " river\n").encode(encoding, "ignore") * 200
    yield "utf-16-odd.txt", "river".encode("utf-16") + b"\0"
    yield "bom-lies.txt", b"\xff\xfe" + b"river in ascii\n" * 100
    yield "bom-three.txt", b"\xef\xbb\xbf" * 3 + b"river"
    yield "overlong.txt", b"river \xc0\xaf \xe0\x80\xaf \xf8\x88\x80\x80\x80 \xed\xa0\x80\n" * 100
    yield "one-word.txt", "a" * 3000000
    yield "newlines.txt", "\n" * 4000000 + "river"
    yield "spaces.txt", " " * 4000000 + "river"
    yield "returns.txt", "\r" * 2000000 + "river"
    yield "marks.txt", "river" + "\u0301" * 1000000
    yield "bidi.txt", "\u202e\u2066\u202driver\u2069" * 50000
    yield "invisible.txt", "".join(f"r\u200bi\u2060ver\U000e0041 " for _ in range(20000))
    yield "controls.txt", bytes(range(1, 32)) * 1000 + b"river"
    yield "nul.txt", b"river\0" * 10000
    yield "private.txt", "\ue000\U000f0000\ufdd0\U0010ffff river " * 10000
    yield "joined.txt", "\u0e19" * 1000000
    yield "headings.txt", "RIVER\n=====\n" * 50000
    yield "numbered.txt", "".join(f"{'1.' * (i % 60)} River\n\n" for i in range(20000))
    yield "bullets.txt", "- river\n" * 100000
    for name in ("braces.cpp", "braces.js", "braces.rs"):
        yield name, "void river() {" * 30000
    yield "line.c", "int river = 1;" * 200000
    yield "comment.py", '"""' + "river\n" * 50000
    yield "defs.py", "".join(f"def river{i}():\n  pass\n" for i in range(20000))
    yield "indent.py", "".join(" " * i + "if river:\n" for i in range(3000))


def random_bytes():
    """Noise under every name, and what is something else than its name says."""
    extensions = ("pdf", "docx", "xlsx", "pptx", "epub", "eml", "html", "csv", "json", "yaml", "zip", "7z", "tar", "txt", "md", "ipynb")
    for number, extension in enumerate(extensions):
        yield f"noise.{extension}", random.Random(number).randbytes(20000)
        yield f"empty.{extension}", b""
        yield f"elf.{extension}", b"\x7fELF\2\1\1" + bytes(2000)
    yield "html.docx", "<html><body>river</body></html>"
    yield "pdf.html", b"%PDF-1.4\n" + bytes(100)
    yield "xml.html", '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e; river</x>'
    yield "no-extension", "river"
    yield "two..dots...txt", "river"


def cases():
    for make in (html, markdown, data, plain, random_bytes):
        yield from make()
