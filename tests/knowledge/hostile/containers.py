"""Archives and mails that lie, explode, or point outside."""
import base64
import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib

TEXT = b"The river flows to the sea.\n"
MEGABYTE = 1 << 20


def make_zip(entries, method=zipfile.ZIP_DEFLATED):
    """Entries: (name, content) or (ZipInfo, content); repeated names are kept."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def zeros(compress, megabytes):
    """Zeros through a compressor object, without ever holding them."""
    block = bytes(MEGABYTE)
    return b"".join([compress.compress(block) for _ in range(megabytes)] + [compress.flush()])


BOMB = zeros(zlib.compressobj(9, zlib.DEFLATED, -15), 300)


def raw_zip(name, data, declared, crc=0, method=8, flags=0, count=1, comment=b""):
    """One entry whose headers say what they like; `count` central entries that all point to it."""
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, flags, method, 0, 0, crc, len(data) & 0xFFFFFFFF, declared, len(name), 0)
    body = local + name + data
    central = b""
    for number in range(count):
        own = name if count == 1 else b"%d-" % number + name
        central += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, flags, method, 0, 0, crc, len(data) & 0xFFFFFFFF, declared,
                               len(own), 0, 0, 0, 0, 0, 0) + own
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count & 0xFFFF, count & 0xFFFF, len(central), len(body), len(comment))
    return body + central + end + comment


def deflated(data):
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compress.compress(data) + compress.flush()


def make_tar(members):
    """Members: (TarInfo, content)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tar_info(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zips():
    yield "flat-bomb.zip", raw_zip(b"a.txt", BOMB, 300 * MEGABYTE)
    yield "bomb-that-says-it-is-small.zip", raw_zip(b"a.txt", BOMB, 100)
    inner = make_zip([(f"{i}.txt", bytes(4 * MEGABYTE)) for i in range(10)])
    for level in range(3):
        inner = make_zip([(f"{i}.zip", inner) for i in range(10)])
        yield f"nested-bomb-{level}.zip", inner
    deep = make_zip([("a.txt", TEXT)])
    for _ in range(40):
        deep = make_zip([("deeper.zip", deep)])
    yield "forty-deep.zip", deep
    yield "many-entries.zip", make_zip([(f"{i}.txt", TEXT) for i in range(15000)], zipfile.ZIP_STORED)
    yield "many-empty-entries.zip", make_zip([(f"{i}.txt", b"") for i in range(15000)], zipfile.ZIP_STORED)
    yield "overlapping.zip", raw_zip(b"a.txt", deflated(bytes(20 * MEGABYTE)), 20 * MEGABYTE, count=500)
    good = deflated(TEXT)
    for label, declared in {"zero": 0, "less": 3, "more": 10 ** 6, "most": 0xFFFFFFFF}.items():
        yield f"size-{label}.zip", raw_zip(b"a.txt", good, declared, zlib.crc32(TEXT))
    yield "crc-wrong.zip", raw_zip(b"a.txt", good, len(TEXT), 1)
    yield "method-unknown.zip", raw_zip(b"a.txt", good, len(TEXT), zlib.crc32(TEXT), method=77)
    yield "encrypted.zip", raw_zip(b"a.txt", good, len(TEXT), zlib.crc32(TEXT), flags=1)
    yield "long-comment.zip", raw_zip(b"a.txt", good, len(TEXT), zlib.crc32(TEXT), comment=b"c" * 65535)
    yield "junk-before.zip", b"MZ" + bytes(5000) + make_zip([("a.txt", TEXT)])
    yield "empty.zip", make_zip([])
    whole = make_zip([(f"{i}.txt", TEXT * 50) for i in range(5)])
    for percent in (5, 30, 60, 90, 99):
        yield f"truncated-{percent}.zip", whole[:len(whole) * percent // 100]
    names = {"parent": "../../../../etc/cron.d/evil", "absolute": "/etc/evil", "drive": "C:\\evil.txt",
             "backslash": "..\\..\\evil.txt", "dots": "a/../../b.txt", "newline": "a\nb.txt", "empty": "", "long": "n" * 60000 + ".txt",
             "hash": "a#b.txt", "control": "\x1b[2J.txt", "bidi": "a\u202etxt.exe.txt", "space": " ", "dot": "."}
    for label, name in names.items():
        yield f"name-{label}.zip", raw_zip(name.encode(), good, len(TEXT), zlib.crc32(TEXT))
    yield "name-bytes.zip", raw_zip(b"\xff\xfe\x00\x80.txt", good, len(TEXT), zlib.crc32(TEXT))
    yield "names-twice.zip", make_zip([("a.txt", TEXT), ("a.txt", b"The river again.\n")])
    link = zipfile.ZipInfo("link.txt")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    yield "symlink.zip", make_zip([(link, "/etc/passwd"), ("good.txt", TEXT)])
    folder = zipfile.ZipInfo("folder/")
    yield "folder-with-content.zip", make_zip([(folder, TEXT)])
    yield "random-inside.zip", raw_zip(b"a.txt", random.Random(1).randbytes(5000), 5000)
    yield "itself-inside.zip", make_zip([("a.zip", whole), ("b.zip", whole[:200]), ("good.txt", TEXT)])


def tars():
    yield "bomb.tar.gz", gzip.compress(make_tar([(tar_info("a.txt"), bytes(100 * MEGABYTE))]), 6)
    for label, kind in {"symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE}.items():
        yield f"{label}.tar", make_tar([(tar_info("link.txt", kind, "/etc/passwd"), b""), (tar_info("good.txt"), TEXT)])
    for label, kind in {"device": tarfile.CHRTYPE, "block": tarfile.BLKTYPE, "fifo": tarfile.FIFOTYPE}.items():
        yield f"{label}.tar", make_tar([(tar_info("x", kind), b""), (tar_info("good.txt"), TEXT)])
    yield "parent.tar", make_tar([(tar_info("../../evil.txt"), TEXT), (tar_info("/abs.txt"), TEXT)])
    good = bytearray(make_tar([(tar_info("a.txt"), TEXT)]))

    def with_size(field):
        header = bytearray(good)
        header[124:136] = field
        header[148:156] = b"        "
        header[148:156] = b"%06o\0 " % sum(header[:512])
        return bytes(header)

    yield "size-huge.tar", with_size(b"77777777777\0")
    yield "size-binary.tar", with_size(b"\x80" + b"\xff" * 11)
    yield "size-negative.tar", with_size(b"\xff" * 12)
    yield "size-garbage.tar", with_size(b"not a number")
    yield "checksum.tar", bytes(good[:148] + b"0000000\0" + good[156:])
    yield "truncated.tar", bytes(good[:700])
    yield "links-to-itself.tar", make_tar([(tar_info("a", tarfile.SYMTYPE, "a"), b""), (tar_info("good.txt"), TEXT)])


def streams():
    bomb = zeros(zlib.compressobj(9, zlib.DEFLATED, 31), 300)
    yield "bomb.txt.gz", bomb
    yield "bomb.txt.bz2", zeros(bz2.BZ2Compressor(1), 100)
    yield "bomb.txt.xz", zeros(lzma.LZMACompressor(preset=0), 300)
    yield "bomb.txt.gz.gz", gzip.compress(bomb)
    for name, data in {"gz": gzip.compress(TEXT * 1000), "bz2": bz2.compress(TEXT * 1000), "xz": lzma.compress(TEXT * 1000)}.items():
        yield f"half.txt.{name}", data[:len(data) // 2]
        yield f"trailing.txt.{name}", data + b"garbage behind the end"
        yield f"header-alone.{name}", data[:8]
        yield f"flipped.txt.{name}", data[:len(data) // 2] + bytes([data[len(data) // 2] ^ 0xFF]) + data[len(data) // 2 + 1:]
    yield "members.txt.gz", gzip.compress(TEXT) * 3000
    yield "name-inside.gz", b"\x1f\x8b\x08\x08" + bytes(6) + b"../../etc/passwd\0" + gzip.compress(TEXT)[10:]
    yield "seven.7z", b"7z\xbc\xaf\x27\x1c\0\4" + random.Random(2).randbytes(3000)
    yield "seven-short.7z", b"7z\xbc\xaf\x27\x1c"
    yield "frame.zst", b"\x28\xb5\x2f\xfd" + random.Random(3).randbytes(500)
    yield "archive.rar", b"Rar!\x1a\x07\x01\x00" + random.Random(4).randbytes(500)


def mails():
    head = b"From: a@example.org\r\nSubject: river\r\nMIME-Version: 1.0\r\n"
    yield "no-boundary.eml", head + b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nriver\r\n"
    yield "boundary-never.eml", head + b'Content-Type: multipart/mixed; boundary="x"\r\n\r\nriver\r\n'
    yield "boundary-empty.eml", head + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n--\r\n--\r\nriver'
    for depth in (50, 5000):
        body = b"Content-Type: text/plain\r\n\r\nriver\r\n"
        for level in range(depth):
            body = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) + body + b"--b%d--\r\n" % level
        yield f"parts-{depth}-deep.eml", head + body
    body = head + b"\r\nriver\r\n"
    for _ in range(60):
        body = head + b"Content-Type: message/rfc822\r\n\r\n" + body
    yield "mails-in-mails.eml", body
    yield "same-boundary.eml", head + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + \
        b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 2000
    yield "many-parts.eml", head + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nriver\r\n" * 30000
    yield "long-header.eml", b"Subject: " + b"river " * 300000 + b"\r\n\r\nriver\r\n"
    yield "many-headers.eml", b"".join(b"X-%d: y\r\n" % i for i in range(100000)) + b"\r\nriver\r\n"
    yield "charset-unknown.eml", head + b"Content-Type: text/plain; charset=klingon\r\n\r\nriver\r\n"
    yield "base64-bad.eml", head + b"Content-Transfer-Encoding: base64\r\n\r\n!!!!" + base64.b64encode(TEXT)[:-3] + b"\r\n"
    yield "quoted-bad.eml", head + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nriver =ZZ =\r\n=F"
    yield "encoded-word.eml", b"Subject: =?utf-8?B?" + b"=" * 5000 + b"?= =?x?Q?=ff?= =?utf-8?Q?" + b"=?" * 1000 + b"\r\n\r\nriver"
    bomb = base64.encodebytes(raw_zip(b"a.txt", BOMB, 9))
    for name in (b"../../evil.zip", b"bomb.zip"):
        yield f"attached-{name[-8:-4].decode()}-{len(name)}.eml", head + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + \
            b"--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n" + \
            b'Content-Disposition: attachment; filename="' + name + b'"\r\n\r\n' + bomb + b"\r\n--b--\r\n"


def cases():
    for make in (zips, tars, streams, mails):
        yield from make()
