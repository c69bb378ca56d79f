"""Office files, books and PDFs: XML that explodes, parts that are missing, objects that go in circles."""
import io
import zlib

from containers import make_zip, zeros

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
CONTENT_TYPES = '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def relations(*targets, mode=""):
    items = "".join(f'<Relationship Id="r{i}" Type="{RELATIONS}/{kind}" Target="{target}"{mode}/>'
                    for i, (kind, target) in enumerate(targets))
    return f'<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{items}</Relationships>'


def docx(document, **parts):
    return make_zip([("[Content_Types].xml", CONTENT_TYPES), ("_rels/.rels", relations(("officeDocument", "word/document.xml"))),
                     ("word/document.xml", document)] + [(name.replace("__", "/"), part) for name, part in parts.items()])


def word(body, before=""):
    return f'<?xml version="1.0"?>{before}<w:document {W}><w:body>{body}</w:body></w:document>'


PARAGRAPH = "<w:p><w:r><w:t>river</w:t></w:r></w:p>"


def laughs(use, depth=12, width=10):
    """The billion laughs: each entity is ten of the one before."""
    entities = '<!ENTITY e0 "river">' + "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * width}">' for i in range(1, depth))
    return f"<!DOCTYPE d [{entities}]>", use.replace("@", f"&e{depth - 1};")


def word_files():
    doctype, body = laughs("<w:p><w:r><w:t>@</w:t></w:r></w:p>")
    yield "laughs.docx", docx(word(body, doctype))
    yield "quadratic.docx", docx(word(f"<w:p><w:r><w:t>{'&e;' * 20000}</w:t></w:r></w:p>", f'<!DOCTYPE d [<!ENTITY e "{"river " * 5000}">]>'))
    for label, system in {"file": "file:///etc/passwd", "http": "http://127.0.0.1:9/x", "relative": "../../../etc/passwd"}.items():
        yield f"external-{label}.docx", docx(word("<w:p><w:r><w:t>&e; river</w:t></w:r></w:p>", f'<!DOCTYPE d [<!ENTITY e SYSTEM "{system}">]>'))
    yield "external-dtd.docx", docx(word(PARAGRAPH, '<!DOCTYPE d SYSTEM "file:///etc/passwd">'))
    yield "parameter-entity.docx", docx(word(PARAGRAPH, '<!DOCTYPE d [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>'))
    yield "entity-of-itself.docx", docx(word("<w:p><w:r><w:t>&e;</w:t></w:r></w:p>", '<!DOCTYPE d [<!ENTITY e "&e;&e;">]>'))
    for depth in (1000, 200000):
        yield f"deep-{depth}.docx", docx(word("<w:p>" * depth + "river" + "</w:p>" * depth))
        yield f"deep-tables-{depth}.docx", docx(word("<w:tbl><w:tr><w:tc>" * (depth // 3) + PARAGRAPH + "</w:tc></w:tr></w:tbl>" * (depth // 3)))
    yield "attributes.docx", docx(word("<w:p " + " ".join(f'a{i}="x"' for i in range(200000)) + "/>" + PARAGRAPH))
    for label, part in {"empty": "", "text": "no XML at all", "truncated": word(PARAGRAPH * 100)[:1500], "nul": word(PARAGRAPH) + "\0" * 100,
                        "other": "<html><body>river</body></html>"}.items():
        yield f"document-{label}.docx", docx(part)
    yield "document-utf16-lie.docx", docx(word(PARAGRAPH).replace('version="1.0"', 'version="1.0" encoding="UTF-16"'))
    yield "document-utf16.docx", docx(word(PARAGRAPH).replace('version="1.0"', 'version="1.0" encoding="UTF-16"').encode("utf-16"))
    yield "document-bytes.docx", docx(word("<w:p><w:r><w:t>river @</w:t></w:r></w:p>").encode().replace(b"@", b"\xff\xfe\xc0\x80"))
    styles = f'<w:styles {W}>' + "".join(f'<w:style w:type="paragraph" w:styleId="s{i}"><w:basedOn w:val="s{(i + 1) % 50}"/></w:style>' for i in range(50)) + "</w:styles>"
    yield "styles-in-a-circle.docx", docx(word('<w:p><w:pPr><w:pStyle w:val="s0"/></w:pPr><w:r><w:t>river</w:t></w:r></w:p>'),
                                          word__styles=styles)
    numbering = f'<w:numbering {W}><w:abstractNum w:abstractNumId="0"><w:numStyleLink w:val="a"/></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>'
    yield "numbers.docx", make_zip([("word/document.xml", word('<w:p><w:pPr><w:numPr><w:ilvl w:val="999999999999"/><w:numId w:val="-1"/></w:numPr></w:pPr><w:r><w:t>river</w:t></w:r></w:p>')),
                                    ("word/numbering.xml", numbering), ("[Content_Types].xml", CONTENT_TYPES)])
    yield "span.docx", docx(word('<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr>' + PARAGRAPH + "</w:tc></w:tr></w:tbl>"))
    yield "no-document.docx", make_zip([("[Content_Types].xml", CONTENT_TYPES)])
    yield "bomb-inside.docx", docx(word("<w:p><w:r><w:t>" + "river " * (10 << 20) + "</w:t></w:r></w:p>"))
    yield "template.docx", make_zip([("[Content_Types].xml", CONTENT_TYPES), ("word/document.xml", word(PARAGRAPH)),
                                     ("word/_rels/document.xml.rels", relations(("attachedTemplate", "http://127.0.0.1:9/evil.dotm"), mode=' TargetMode="External"'))])
    yield "parts-twice.docx", make_zip([("[Content_Types].xml", CONTENT_TYPES), ("word/document.xml", word(PARAGRAPH)), ("word/document.xml", word(PARAGRAPH * 2))])
    yield "fields.docx", docx(word('<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r>' * 3000 + PARAGRAPH))


def sheet(rows, before="", after=""):
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    workbook = f'<workbook {main} xmlns:r="{RELATIONS}"><sheets><sheet name="S" sheetId="1" r:id="r0"/></sheets></workbook>'
    return [("[Content_Types].xml", CONTENT_TYPES), ("xl/workbook.xml", workbook),
            ("xl/_rels/workbook.xml.rels", relations(("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml"))),
            ("xl/worksheets/sheet1.xml", f"<worksheet {main}>{before}<sheetData>{rows}</sheetData>{after}</worksheet>")]


def sheets():
    def cell(reference, value, kind="str"):
        return f'<row><c r="{reference}" t="{kind}"><v>{value}</v></c></row>'

    for label, reference in {"far": "XFD1048576", "beyond": "ZZZZZZZZ99999999999", "none": "", "garbage": "?!", "zero": "A0", "number": "12"}.items():
        yield f"cell-{label}.xlsx", make_zip(sheet(cell(reference, "river")))
    for label, value in {"out": 99, "negative": -1, "huge": 10 ** 30, "text": "x"}.items():
        yield f"string-{label}.xlsx", make_zip(sheet(cell("A1", value, "s") + cell("A2", "river")) + [("xl/sharedStrings.xml", "<sst><si><t>river</t></si></sst>")])
    for label, value in {"inf": "1e999", "nan": "NaN", "date": "1e308", "minus": "-99999999999"}.items():
        yield f"number-{label}.xlsx", make_zip(sheet(cell("A1", value, "n") + cell("A2", "river")))
    yield "merge-all.xlsx", make_zip(sheet(cell("A1", "river"), after='<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'))
    yield "merges.xlsx", make_zip(sheet(cell("A1", "river"), after="<mergeCells>" + "".join(f'<mergeCell ref="A{i}:XFD{i}"/>' for i in range(1, 20000)) + "</mergeCells>"))
    yield "far-corners.xlsx", make_zip(sheet("".join(f'<row r="{r}"><c r="XFD{r}" t="str"><v>river</v></c></row>' for r in range(1, 3000))))
    yield "rows-backwards.xlsx", make_zip(sheet("".join(f'<row r="{r}"><c r="A{r}" t="str"><v>river {r}</v></c></row>' for r in range(2000, 0, -1))))
    yield "long-cell.xlsx", make_zip(sheet(cell("A1", "river " * 500000)))
    yield "many-cells.xlsx", make_zip(sheet(("<row>" + "<c><v>1</v></c>" * 5000 + "</row>") * 100))
    doctype, body = laughs("<si><t>@</t></si>")
    yield "laughs.xlsx", make_zip(sheet(cell("A1", 0, "s")) + [("xl/sharedStrings.xml", f"{doctype}<sst>{body}</sst>")])
    yield "no-sheet.xlsx", make_zip(sheet("")[:3])
    yield "sheet-outside.xlsx", make_zip(sheet(cell("A1", "river"))[:2] + [("xl/_rels/workbook.xml.rels", relations(("worksheet", "../../../../etc/passwd")))])


def slides_and_books():
    main = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    text = "<p:sp><p:txBody><a:p><a:r><a:t>river</a:t></a:r></a:p></p:txBody></p:sp>"

    def deck(slide, ids=1, targets=None, doctype=""):
        items = "".join(f'<p:sldId id="{256 + i}" r:id="r{i}"/>' for i in range(ids))
        return make_zip([("[Content_Types].xml", CONTENT_TYPES),
                         ("ppt/presentation.xml", f'<p:presentation {main} xmlns:r="{RELATIONS}"><p:sldIdLst>{items}</p:sldIdLst></p:presentation>'),
                         ("ppt/_rels/presentation.xml.rels", relations(*[("slide", target) for target in targets or ["slides/slide1.xml"]])),
                         ("ppt/slides/slide1.xml", f"{doctype}<p:sld {main}><p:cSld><p:spTree>{slide}</p:spTree></p:cSld></p:sld>")])

    yield "deep-groups.pptx", deck("<p:grpSp>" * 50000 + text + "</p:grpSp>" * 50000)
    yield "same-slide.pptx", deck(text, 3000, ["slides/slide1.xml"] * 3000)
    yield "slide-missing.pptx", deck(text, 5)
    yield "slide-outside.pptx", deck(text, 1, ["../../../../../etc/passwd"])
    yield "slide-itself.pptx", deck(text, 1, ["presentation.xml"])
    doctype, body = laughs(text.replace("river", "@"))
    yield "laughs.pptx", deck(body, doctype=doctype)
    yield "huge-shapes.pptx", deck(text * 20000)

    def book(spine, manifest, container="content.opf", **chapters):
        return make_zip([("mimetype", "application/epub+zip"),
                         ("META-INF/container.xml", f'<container><rootfiles><rootfile full-path="{container}"/></rootfiles></container>'),
                         ("content.opf", f"<package><manifest>{manifest}</manifest><spine>{spine}</spine></package>")] +
                        [(f"{name}.xhtml", content) for name, content in chapters.items()])

    chapter = "<html><body><p>river</p></body></html>"
    item = '<item id="c" href="c.xhtml" media-type="application/xhtml+xml"/>'
    yield "spine-repeats.epub", book('<itemref idref="c"/>' * 20000, item, c=chapter)
    yield "spine-missing.epub", book('<itemref idref="nothing"/>', item, c=chapter)
    yield "href-outside.epub", book('<itemref idref="c"/>', item.replace("c.xhtml", "../../../etc/passwd"), c=chapter)
    yield "href-absolute.epub", book('<itemref idref="c"/>', item.replace("c.xhtml", "file:///etc/passwd"), c=chapter)
    yield "container-outside.epub", book("", "", "/etc/passwd", c=chapter)
    yield "container-itself.epub", book("", "", "META-INF/container.xml", c=chapter)
    yield "deep-chapter.epub", book('<itemref idref="c"/>', item, c="<div>" * 100000 + "river")
    doctype, body = laughs("<html><body>@</body></html>")
    yield "laughs.epub", book('<itemref idref="c"/>', item, c=doctype + body)


def pdf(objects, trailer="/Root 1 0 R", tail=None):
    """Objects from 1 on, each as bytes or text."""
    out, offsets = io.BytesIO(), []
    out.write(b"%PDF-1.7\n")
    for number, content in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n" % number + (content.encode() if isinstance(content, str) else content) + b"\nendobj\n")
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % offset for offset in offsets))
    out.write(tail if tail is not None else b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer.encode(), start))
    return out.getvalue()


def stream(data, extra=""):
    return b"<< /Length %d %s >>\nstream\n" % (len(data), extra.encode()) + data + b"\nendstream"


CATALOG, FONT = "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
SAY = b"BT /F 12 Tf 72 700 Td (The river flows) Tj ET"


def page(contents="5 0 R", more=""):
    return f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F 4 0 R >> {more} >> /Contents {contents} >>"


def good_pdf(pages="<< /Type /Pages /Kids [3 0 R] /Count 1 >>", content=None, one=None, more=()):
    return pdf([CATALOG, pages, one or page(), FONT, content if content is not None else stream(SAY), *more])


def pdfs():
    good = good_pdf()
    yield "good.pdf", good
    for percent in (10, 40, 70, 95):
        yield f"truncated-{percent}.pdf", good[:len(good) * percent // 100]
    yield "header-alone.pdf", b"%PDF-1.7\n"
    yield "kids-itself.pdf", good_pdf("<< /Type /Pages /Kids [2 0 R] /Count 1 >>")
    yield "kids-circle.pdf", good_pdf("<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 >>", more=("<< /Type /Pages /Kids [2 0 R 6 0 R] /Count 9 /Parent 6 0 R >>",))
    yield "count-huge.pdf", good_pdf("<< /Type /Pages /Kids [3 0 R] /Count 2000000000 >>")
    yield "count-negative.pdf", good_pdf("<< /Type /Pages /Kids [3 0 R] /Count -5 >>")
    yield "same-page-often.pdf", good_pdf("<< /Type /Pages /Kids [" + "3 0 R " * 50000 + "] /Count 50000 >>")
    deep = [f"<< /Type /Pages /Kids [{7 + i} 0 R] /Count 1 /Parent {5 + i} 0 R >>" for i in range(3000)]
    yield "kids-deep.pdf", pdf([CATALOG, "<< /Type /Pages /Kids [6 0 R] /Count 1 >>", page(), FONT, stream(SAY), *deep, page()])
    yield "xref-loop.pdf", pdf([CATALOG, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page(), FONT, stream(SAY)], "/Root 1 0 R /Prev 9")
    yield "prev-itself.pdf", good.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % good.index(b"xref\n0"))
    yield "startxref-far.pdf", good[:good.rindex(b"startxref")] + b"startxref\n99999999999999\n%%EOF"
    yield "startxref-none.pdf", good[:good.rindex(b"startxref")]
    yield "root-missing.pdf", good.replace(b"/Root 1 0 R", b"/Root 77 0 R")
    yield "length-lies.pdf", good_pdf(content=b"<< /Length 99999999 >>\nstream\n" + SAY + b"\nendstream")
    yield "length-negative.pdf", good_pdf(content=b"<< /Length -1 >>\nstream\n" + SAY + b"\nendstream")
    yield "length-circle.pdf", good_pdf(content=b"<< /Length 5 0 R >>\nstream\n" + SAY + b"\nendstream")
    yield "no-endstream.pdf", good_pdf(content=b"<< /Length 10 >>\nstream\n" + SAY)
    yield "flate-bomb.pdf", good_pdf(content=stream(zeros(zlib.compressobj(9), 400), "/Filter /FlateDecode"))
    nested = SAY
    for _ in range(30):
        nested = zlib.compress(nested)
    yield "filters-30.pdf", good_pdf(content=stream(nested, "/Filter [" + "/FlateDecode " * 30 + "]"))
    yield "filters-5000.pdf", good_pdf(content=stream(SAY, "/Filter [" + "/ASCIIHexDecode " * 5000 + "]"))
    for name in ("JBIG2Decode", "JPXDecode", "DCTDecode", "CCITTFaxDecode", "LZWDecode", "Crypt", "Nonsense"):
        yield f"filter-{name}.pdf", good_pdf(content=stream(b"\xff\x00\x8c" * 500, f"/Filter /{name}"))
    form = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>"
    yield "form-in-itself.pdf", good_pdf(content=stream(b"/X Do " + SAY), one=page(more="/XObject << /X 6 0 R >>"), more=(stream(b"/X Do /X Do", form),))
    yield "states.pdf", good_pdf(content=stream(b"q " * 500000 + SAY))
    yield "array-deep.pdf", good_pdf(one=page("[" * 100000 + "5 0 R" + "]" * 100000))
    yield "dictionary-deep.pdf", good_pdf(more=("<< /A " * 100000 + "1" + " >>" * 100000,))
    yield "contents-circle.pdf", good_pdf(one=page("6 0 R"), more=("[6 0 R 5 0 R]",))
    yield "box-nan.pdf", good_pdf(one=page().replace("[0 0 612 792]", "[1e400 -1e400 nan 0]"))
    yield "box-none.pdf", good_pdf(one=page().replace("/MediaBox [0 0 612 792]", ""))
    yield "text-far.pdf", good_pdf(content=stream(b"BT /F 1e30 Tf 1e38 -1e38 Td (river) Tj 0 0 0 0 0 0 Tm (river) Tj ET"))
    yield "glyphs.pdf", good_pdf(content=stream(b"BT /F 12 Tf 72 700 Td " + b"(river) Tj 0 0 Td " * 100000 + b"ET"))
    yield "encrypted.pdf", good.replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt << /Filter /Standard /V 9 /R 9 /O (x) /U (y) /P -1 >>")
    yield "script.pdf", pdf(["<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (while\\(1\\){}) >> >>",
                             "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page(), FONT, stream(SAY)])
    yield "object-stream-itself.pdf", good_pdf(more=(stream(b"6 0 7 0 << >>", "/Type /ObjStm /N 1000000 /First 8 /Extends 6 0 R"),))
    yield "font-circle.pdf", pdf([CATALOG, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page(), "<< /Type /Font /Subtype /Type0 /BaseFont /X /DescendantFonts [4 0 R] /ToUnicode 4 0 R >>", stream(SAY)])
    yield "to-unicode.pdf", pdf([CATALOG, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page(), "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>", stream(SAY),
                                 stream(b"1 begincodespacerange <00> <ffffffff> endcodespacerange 1 beginbfrange <00> <ffffffff> <0041> endbfrange")])


def cases():
    for make in (word_files, sheets, slides_and_books, pdfs):
        yield from make()
