"""strata model pull and verify: from a path, a mirror that breaks off, a package; into a cache of its own.

python3 tests/cli/model_pull_test.py STRATA
"""
import hashlib
import http.server
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
import zipfile

STRATA = sys.argv.pop(1)
ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests/golden/quantized/awq"
GGUF = ROOT / "src/formats/testdata/fuzz/gguf_fuzz/small.gguf"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves `files`; the first answers break off after `cut` bytes of their body."""
    protocol_version = "HTTP/1.1"
    files, cuts, asked = {}, {}, []

    def do_GET(self):
        Mirror.asked.append((self.path, self.headers.get("Range")))
        if self.path == "/moved.gguf":
            self.send_response(302)
            self.send_header("Location", "/dir/m.gguf")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = Mirror.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        etag, begin = f'"{sha256(data)[:16]}"', 0
        if "Range" in self.headers and self.headers.get("If-Range") == etag:
            begin = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if begin else 200)
        self.send_header("ETag", etag)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        cut = Mirror.cuts.pop(self.path, None)
        self.wfile.write(data[begin:cut])
        self.wfile.flush()
        if cut is not None:
            self.connection.close()
            self.close_connection = True

    def log_message(self, *_):
        pass


class Pull(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
        cls.url = f"http://127.0.0.1:{cls.server.server_port}"
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()

    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.home)
        self.models = self.home / "cache/strata/models"
        Mirror.files, Mirror.cuts, Mirror.asked = {}, {}, []

    def strata(self, *arguments, **environment):
        return subprocess.run([STRATA, "model", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              env=os.environ | {"XDG_CACHE_HOME": str(self.home / "cache")} | environment)

    def pulled(self, *arguments, **environment):
        result = self.strata("pull", *arguments, **environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return pathlib.Path(result.stdout.strip())

    def refused(self, part, *arguments, **environment):
        result = self.strata(*arguments, **environment)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        self.assertIn(part, result.stderr)
        self.assertFalse([path for path in self.models.glob("*") if path.suffix == ".gguf"], "nothing half done is there")

    def test_a_path_is_linked_or_copied(self):
        linked = self.pulled(FOLDER)
        self.assertTrue(linked.is_symlink())
        self.assertEqual(linked.resolve(), FOLDER)
        self.assertEqual(self.pulled(FOLDER), linked, "again")
        copied = self.pulled(FOLDER, "--name", "mine", "--copy")
        self.assertFalse(copied.is_symlink())
        listed = self.strata("ls").stdout
        self.assertIn("awq", listed)
        self.assertIn("mine", listed)
        self.assertIn("u4_32", self.strata("show", "mine").stdout)
        self.assertEqual(self.strata("verify", "mine").returncode, 0)
        record = self.models / "mine.sha256"
        if shutil.which("sha256sum"):
            subprocess.run(["sha256sum", "-c", "--quiet", record.name], cwd=self.models, check=True)
        weights = copied / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
        (copied / "added.txt").write_text("")
        result = self.strata("verify", "mine")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("mine/model.safetensors has SHA-256", result.stderr)
        self.assertIn("mine/added.txt is new", result.stderr)

    def test_names_are_not_taken_twice(self):
        self.pulled(FOLDER, "--name", "m")
        result = self.strata("pull", GGUF, "--name", "m")
        self.assertIn("there is a model m from elsewhere", result.stderr)
        self.assertIn("cannot be a model's name", self.strata("pull", GGUF, "--name", "../m").stderr)

    def test_a_download_goes_on_where_it_broke_off(self):
        data = GGUF.read_bytes()
        Mirror.files["/dir/m.gguf"] = data
        Mirror.cuts["/dir/m.gguf"] = 300
        path = self.pulled(f"{self.url}/dir/m.gguf", "--sha256", sha256(data).upper())
        self.assertEqual(path.read_bytes(), data)
        self.assertEqual(Mirror.asked, [("/dir/m.gguf", None), ("/dir/m.gguf", "bytes=300-")])
        self.assertEqual(self.strata("verify", "m").returncode, 0)
        self.pulled(f"{self.url}/dir/m.gguf")
        self.assertEqual(len(Mirror.asked), 2, "it is there already")

    def test_a_later_pull_goes_on_unless_the_file_changed(self):
        data = GGUF.read_bytes()
        url = f"{self.url}/dir/m.gguf"
        for content, ranges in ((data, [f"bytes=100-"]), (data + b"\0" * 64, [f"bytes=100-"])):
            self.models.mkdir(parents=True, exist_ok=True)
            part = self.models / "m.gguf.whole.part.part"
            part.write_bytes(data[:100])
            part.with_name(part.name + ".source").write_text(f'{url}\n"{sha256(data)[:16]}"')
            Mirror.files["/dir/m.gguf"] = content
            Mirror.asked = []
            path = self.pulled(url)
            self.assertEqual([asked[1] for asked in Mirror.asked], ranges)
            self.assertEqual(path.read_bytes(), content)
            path.unlink()

    def test_redirects_are_followed(self):
        Mirror.files["/dir/m.gguf"] = GGUF.read_bytes()
        self.assertEqual(self.pulled(f"{self.url}/moved.gguf").name, "moved.gguf")

    def test_what_a_mirror_has_wrong_is_named(self):
        Mirror.files["/m.gguf"] = b"GGUF and then nothing"
        self.refused("m.gguf has SHA-256", "pull", f"{self.url}/m.gguf", "--sha256", "0" * 64)
        self.refused("offset", "pull", f"{self.url}/m.gguf")
        self.refused("/gone.gguf: HTTP 404", "pull", f"{self.url}/gone.gguf")
        self.refused("SHA256SUMS file", "pull", f"{self.url}/m.bin")
        self.refused("cannot connect", "pull", "http://127.0.0.1:1/m.gguf")

    def test_a_manifest_brings_a_folder(self):
        sums = ""
        for file in sorted(FOLDER.iterdir()):
            Mirror.files[f"/models/tiny/{file.name}"] = file.read_bytes()
            sums += f"{sha256(file.read_bytes())}  {file.name}\n"
        Mirror.files["/models/tiny/SHA256SUMS"] = sums.encode()
        Mirror.cuts["/models/tiny/model.safetensors"] = 1000
        url = f"{self.url}/models/tiny/SHA256SUMS"
        path = self.pulled(url, "--sha256", sha256(sums.encode()))
        self.assertEqual(path.name, "tiny")
        self.assertEqual({file.name for file in path.iterdir()}, {file.name for file in FOLDER.iterdir()})
        self.assertEqual(self.strata("verify", "tiny").returncode, 0)
        Mirror.files["/models/tiny/config.json"] += b" "
        self.refused("config.json has SHA-256", "pull", url, "--name", "other")
        Mirror.files["/models/tiny/SHA256SUMS"] = f"{'0' * 64}  ../../evil\n".encode()
        self.refused("line 1: ../../evil is not below the folder", "pull", url, "--name", "other")
        self.refused("SHA256SUMS has SHA-256", "pull", url, "--name", "other", "--sha256", "1" * 64)

    def test_a_package_that_carries_a_model(self):
        wheels = self.home / "wheels"
        wheels.mkdir()
        with zipfile.ZipFile(wheels / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
            wheel.write(GGUF, "tiny_model/a.gguf")
            wheel.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
            wheel.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr("tiny_model-1.0.dist-info/RECORD", "")
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
        path = self.pulled("tiny-model==1.0", "--sha256", sha256(GGUF.read_bytes()), **offline)
        self.assertEqual(path.name, "tiny-model.gguf")
        self.assertEqual(path.read_bytes(), GGUF.read_bytes())
        path.unlink()
        self.refused("has no model b.gguf", "pull", "tiny-model==1.0", "--member", "b.gguf", **offline)
        self.refused("while fetching tiny-model==2.0", "pull", "tiny-model==2.0", **offline)

    def test_a_package_that_carries_a_folder(self):
        wheels = self.home / "wheels"
        wheels.mkdir()
        with zipfile.ZipFile(wheels / "tiny_folder-1.0-py3-none-any.whl", "w") as wheel:
            for name in ("one", "two"):
                for file in FOLDER.iterdir():
                    wheel.write(file, f"tiny_folder/{name}/{file.name}")
            wheel.writestr("tiny_folder-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-folder\nVersion: 1.0\n")
            wheel.writestr("tiny_folder-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr("tiny_folder-1.0.dist-info/RECORD", "")
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
        self.refused("several models, --member says which: tiny_folder/one, tiny_folder/two", "pull", "tiny-folder==1.0",
                     **offline)
        self.refused("the checksum is of a file", "pull", "tiny-folder==1.0", "--member", "tiny_folder/one", "--sha256",
                     "0" * 64, **offline)
        path = self.pulled("tiny-folder==1.0", "--member", "tiny_folder/one", **offline)
        self.assertEqual(path, self.models / "tiny-folder")
        self.assertEqual({file.name for file in path.iterdir()}, {file.name for file in FOLDER.iterdir()})
        self.assertEqual(self.strata("verify", "tiny-folder").returncode, 0)
        self.assertEqual(self.pulled("tiny-folder==1.0", "--member", "tiny_folder/one", PIP_NO_INDEX="1"), path, "again")
        self.assertEqual([file.name for file in self.models.iterdir() if "part" in file.name], [])

    def test_what_is_nothing_is_named(self):
        self.refused("no model nothing-at-all", "pull", "nothing-at-all")
        self.refused("no model nothing-at-all", "verify", "nothing-at-all")


unittest.main(verbosity=2)
