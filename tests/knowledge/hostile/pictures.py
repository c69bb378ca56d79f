"""Pictures whose headers lie, that inflate to much, that go in circles; and PDFs that are made of them."""
import random
import struct
import zlib


def chunk(kind, data, crc=None):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)


def png(width, height, rows=b"", bits=8, colour=0, extra=b""):
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def bmp(width, height, bits=24, pixels=b"", offset=54, size=40):
    header = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, 0, len(pixels), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, offset) + header + pixels


def tiff(directories, data=b"", first=None):
    """Directories: ([(tag, type, count, value)], offset of the next one or None for the one behind it)."""
    out = bytearray(b"II*\0" + struct.pack("<I", 8 + len(data) if first is None else first) + data)
    for number, (entries, following) in enumerate(directories):
        end = len(out) + 2 + 12 * len(entries) + 4
        behind = end if number + 1 < len(directories) else 0
        out += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        out += struct.pack("<I", behind if following is None else following)
    return bytes(out)


def gray_page(width, height, strip=8, size=None, bits=8):
    """White by what it says: rows of one strip at `strip`."""
    return [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, strip),
            (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, width * height if size is None else size)]


def jpeg(width, height):
    """Start, a frame of that size, the beginning of a scan."""
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + bytes(1000)


def webp(width, height):
    body = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def pdf(width, height, stream, image_filter="/FlateDecode", bits=1, page="612 792", pages=1):
    objects = [b"<</Type /Catalog /Pages 2 0 R>>", f"<</Type /Pages /Kids [{'3 0 R ' * pages}] /Count {pages}>>".encode(),
               f"<</Type /Page /Parent 2 0 R /MediaBox [0 0 {page}] /Contents 4 0 R /Resources <</XObject <</I 5 0 R>>>>>>".encode(),
               b"<</Length 33>>\nstream\nq 612 0 0 792 0 0 cm /I Do Q    \nendstream",
               f"<</Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceGray /BitsPerComponent {bits} "
               f"/Filter {image_filter} /Length {len(stream)}>>\nstream\n".encode() + stream + b"\nendstream"]
    return b"%PDF-1.4\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % (i + 1, body) for i, body in enumerate(objects)) + \
        b"trailer <</Root 1 0 R>>\n%%EOF\n"


def zeros(megabytes):
    compress = zlib.compressobj(9)
    return b"".join([compress.compress(bytes(1 << 20)) for _ in range(megabytes)] + [compress.flush()])


def cases():
    noise = random.Random(7)
    yield "huge.png", png(60000, 60000)
    yield "largest.png", png(0x7FFFFFFF, 0x7FFFFFFF)
    yield "wide.png", png(0x7FFFFFFF, 1)
    yield "bits.png", png(40000, 40000, bits=1)
    yield "nothing.png", png(0, 0)
    yield "point.png", png(1, 1, b"\0\0")
    yield "line.png", png(30000, 1, bytes(30001))
    yield "column.png", png(1, 30000, bytes(60000))
    yield "white.png", png(2000, 2000, (b"\0" + b"\xff" * 2000) * 2000)
    yield "too-many-rows.png", png(10, 10, bytes(50 << 20))
    yield "too-few-rows.png", png(1000, 1000, bytes(100))
    yield "palette-none.png", png(100, 100, bytes(10100), colour=3)
    yield "text-bomb.png", png(10, 10, bytes(110), extra=chunk(b"zTXt", b"river\0\0" + zeros(300)))
    yield "profile-bomb.png", png(10, 10, bytes(110), extra=chunk(b"iCCP", b"river\0\0" + zeros(300)))
    yield "chunk-length.png", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 0xFFFFFFF0) + b"IHDR" + bytes(100)
    yield "signature.png", b"\x89PNG\r\n\x1a\n"
    yield "noise.png", png(600, 600, b"".join(b"\0" + noise.randbytes(600) for _ in range(600)))
    yield "huge.bmp", bmp(60000, 60000)
    yield "negative.bmp", bmp(-100, -100)
    yield "least.bmp", bmp(-0x80000000, -0x80000000)
    yield "offset.bmp", bmp(100, 100, offset=0xFFFFFFF0)
    yield "bits.bmp", bmp(100, 100, bits=77, pixels=bytes(30000))
    yield "header.bmp", bmp(100, 100, size=0xFFFFFFFF, pixels=bytes(30000))
    yield "short.bmp", bmp(3000, 3000, pixels=bytes(100))
    yield "huge.jpg", jpeg(60000, 60000)
    yield "scan-lies.jpg", jpeg(3000, 3000)
    yield "markers.jpg", b"\xff\xd8" + b"\xff\xe1\xff\xff" * 100000
    yield "huge.webp", webp(16383 * 4, 60000)
    yield "no-frame.webp", webp(100, 100)
    yield "huge.tif", tiff([(gray_page(60000, 60000), None)])
    yield "no-directory.tif", tiff([], first=0xFFFFFFF0)
    yield "circle.tif", tiff([(gray_page(100, 100), None), (gray_page(100, 100), 10008)], bytes([255]) * 10000)
    yield "itself.tif", tiff([(gray_page(100, 100), 10008)], bytes([255]) * 10000)
    yield "strip-outside.tif", tiff([(gray_page(100, 100, strip=0x7FFFFFFF), None)])
    yield "strip-size.tif", tiff([(gray_page(100, 100, size=0xFFFFFFFF), None)], bytes(10000))
    yield "strips-many.tif", tiff([([(256, 4, 1, 100), (257, 4, 1, 100), (273, 4, 0x3FFFFFFF, 8), (278, 4, 1, 1)], None)])
    yield "entries.tif", tiff([(gray_page(10, 10) * 5000, None)])
    yield "bits.tif", tiff([(gray_page(100, 100, bits=64), None)], bytes(80000))
    yield "pages.tif", tiff([(gray_page(10, 10), None)] * 5000, bytes(100))
    yield "scan-bomb.pdf", pdf(60000, 60000, zeros(400))
    yield "scan-lies.pdf", pdf(60000, 60000, zlib.compress(b"river"))
    yield "scan-large-page.pdf", pdf(100, 100, zlib.compress(bytes(1300)), page="14400 14400")
    yield "scan-wide-page.pdf", pdf(100, 100, zlib.compress(bytes(1300)), page="1000000000 1")
    yield "scan-jpeg.pdf", pdf(3000, 3000, jpeg(60000, 60000), "/DCTDecode", 8)
    yield "scan-jbig2.pdf", pdf(60000, 60000, bytes(100), "/JBIG2Decode")
    yield "scan-fax.pdf", pdf(60000, 60000, bytes(100), "/CCITTFaxDecode")
    yield "scan-jpx.pdf", pdf(60000, 60000, b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100), "/JPXDecode", 8)
    yield "scan-pages.pdf", pdf(100, 100, zlib.compress(bytes(1300)), pages=900)
