"""strata kb: from files to passages, jobs, access, watching, evaluation; with a tiny encoder of random weights, so that it is the
words that find.

python3 tests/cli/kb_test.py STRATA
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from tiny_encoder import make_encoder

STRATA = sys.argv.pop(1)


class Kb(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.home)
        self.docs = self.home / "docs"
        (self.docs / "sub").mkdir(parents=True)
        (self.docs / "a.txt").write_text("The notice period is three months.\n")
        (self.docs / "sub/b.md").write_text("# Water\n\nThe river has salmon.\n")
        make_encoder(self.home / "encoder")
        self.kb("create", "demo", "--embedding-model", self.home / "encoder")

    def run_kb(self, *arguments):
        environment = os.environ | {"XDG_DATA_HOME": str(self.home / "data"), "XDG_CACHE_HOME": str(self.home / "cache")}
        return subprocess.run([STRATA, "kb", *map(str, arguments)], capture_output=True, text=True, timeout=120, env=environment)

    def kb(self, *arguments):
        result = self.run_kb(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def refused(self, part, *arguments):
        result = self.run_kb(*arguments)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(part, result.stderr)

    def found(self, query):
        return [line.split("  ")[1].rsplit("/", 1)[1] for line in self.kb("search", "demo", query, "--limit", 5).splitlines()
                if "file://" in line]

    def test_searches_say_which_model_they_need(self):
        self.kb("add", "demo", self.docs)
        self.refused("--rerank needs --rerank-model", "search", "demo", "salmon", "--rerank", 5)
        self.refused("no/such/model", "search", "demo", "salmon", "--hyde", "--model", "no/such/model")
        self.refused("no/such/model", "search", "demo", "and in winter?", "--said", "salmon", "--model", "no/such/model")
        self.refused("no/such/model", "questions", "demo", "--model", "no/such/model")

    def test_from_files_to_passages(self):
        (self.docs / "broken.docx").write_bytes(b"PK\3\4 and no more")
        (self.docs / "picture.gif").write_bytes(b"GIF89a" + bytes(100))
        result = self.run_kb("add", "demo", self.docs)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("2 files read", result.stdout)
        self.assertIn("1 of formats without text", result.stdout)
        self.assertIn("1 could not be read", result.stdout)
        self.assertIn("broken.docx", result.stderr)
        self.assertNotIn("picture.gif", result.stderr)
        self.assertEqual(self.found("salmon")[0], "b.md")
        self.assertIn("2 files as they were", self.kb("add", "demo", self.docs))
        self.refused("broken.docx", "add", "demo", self.docs / "broken.docx")
        self.refused("picture.gif", "add", "demo", self.docs / "picture.gif")
        self.refused("no such file", "add", "demo", self.docs / "never.txt")
        self.assertIn("a.txt", self.kb("documents", "demo"))
        self.kb("remove", "demo", self.docs / "sub")
        self.assertNotIn("b.md", self.kb("documents", "demo"))
        self.refused("no document", "remove", "demo", self.docs / "sub")
        self.kb("compact", "demo")
        for file in (self.home / "data/strata/knowledge/demo").iterdir():
            self.assertNotIn(b"salmon", file.read_bytes(), file)
        self.assertIn("demo", self.kb("list"))
        self.kb("delete", "demo")
        self.refused("demo", "documents", "demo")

    def test_vectors_that_are_still_to_be_made(self):
        paragraphs = [" ".join(f"word{n}x{i}" for i in range(40)) for n in range(4000)]
        (self.docs / "long.txt").write_text("\n\n".join(paragraphs))
        result = self.run_kb("add", "demo", self.docs, "--wait", 0)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("made in the background", result.stderr)
        search = self.run_kb("search", "demo", "word3999x7")
        self.assertIn("word3999x7", search.stdout)
        if "found by their words alone" in search.stderr:  # else it was quick
            self.assertIn("found by their words alone", self.run_kb("jobs", "demo").stderr)
        self.kb("delete", "demo")  # ends who works on it
        self.kb("create", "demo", "--embedding-model", self.home / "encoder")
        (self.docs / "long.txt").unlink()
        self.assertNotIn("background", self.run_kb("add", "demo", self.docs, "--wait", -1).stderr)
        self.kb("work", "demo")
        self.assertEqual(self.found("salmon")[0], "b.md")

    def test_jobs(self):
        (self.docs / "broken.docx").write_bytes(b"PK\3\4 and no more")
        self.kb("add", "demo", self.docs)
        failed = self.kb("jobs", "demo", "--state", "failed")
        self.assertIn("broken.docx", failed)
        self.assertEqual(len(failed.splitlines()), 1)
        self.assertEqual(len(self.kb("jobs", "demo").splitlines()), 3)
        number = failed.split()[0]
        shutil.copy(self.docs / "a.txt", self.docs / "broken.docx")
        self.assertIn("is queued again as 4", self.kb("jobs", "demo", "--retry", number))
        self.refused("job 77 has ended, or never was", "jobs", "demo", "--cancel", 77)
        self.kb("jobs", "demo", "--cancel", 4)
        self.assertEqual(self.kb("jobs", "demo", "--state", "cancelled").split()[0], "4")
        self.refused("job 4 has not failed", "jobs", "demo", "--retry", 4)
        self.refused("there is no job 77", "jobs", "demo", "--retry", 77)
        self.refused('"late" is no state', "jobs", "demo", "--state", "late")

    def test_access_is_set_for_files_and_folders(self):
        self.kb("add", "demo", self.docs)
        self.assertIn("2 documents", self.kb("set-access", "demo", self.docs, "--group", "law"))
        self.assertIn("1 documents", self.kb("set-access", "demo", self.docs / "a.txt", "--everybody"))
        self.refused("say who may find it", "set-access", "demo", self.docs)
        self.refused("stands alone", "set-access", "demo", self.docs, "--everybody", "--user", "ann")
        self.refused("no document", "set-access", "demo", self.home / "never", "--everybody")

    def test_a_folder_is_followed(self):
        environment = os.environ | {"XDG_DATA_HOME": str(self.home / "data"), "XDG_CACHE_HOME": str(self.home / "cache")}
        watch = subprocess.Popen([STRATA, "kb", "watch", "demo", self.docs], env=environment,
                                 stdout=subprocess.PIPE, text=True)

        def until(condition):
            for _ in range(300):
                if condition():
                    return
                time.sleep(0.1)
            self.fail("it does not follow")

        until(lambda: self.found("salmon")[:1] == ["b.md"])
        (self.docs / "sub/b.md").unlink()
        (self.docs / "c.txt").write_text("An otter.\n")
        until(lambda: self.found("otter")[:1] == ["c.txt"] and "b.md" not in self.kb("documents", "demo"))
        watch.terminate()
        self.assertIn("b.md is gone", watch.communicate(timeout=30)[0])
        self.assertEqual(watch.returncode, 0)
        (self.docs / "c.txt").unlink()
        self.kb("watch", "demo", self.docs, "--once")
        self.assertNotIn("c.txt", self.kb("documents", "demo"))
        self.refused("no such folder", "watch", "demo", self.home / "never", "--once")

    def test_searches_are_scored(self):
        words = ["otter", "salmon", "heron", "beaver", "swan", "trout", "pike", "eel", "newt", "frog"]
        for word in words:
            (self.docs / f"{word}.txt").write_text(f"There is one {word} in the water.\n")
        self.kb("add", "demo", self.docs)
        golden = self.home / "golden.jsonl"
        golden.write_text("".join(json.dumps({"question": word, "relevant": [str(self.docs / f"{word}.txt")]}) + "\n" for word in words))
        report = self.home / "report.html"
        output = self.kb("eval", "demo", golden, "--config", "legs=vectors", "--config", "legs=words", "--html", report)
        self.assertRegex(output, r"legs=words +nDCG@10 (1\.0000|0\.9)")
        self.assertIn("95 % intervals over 10 questions", output)
        self.assertIn("<svg", report.read_text())
        self.assertRegex(self.kb("eval", "demo", golden, "--tune"), r"alpha 0\.\d\d is best")
        golden.write_text('{"question": "x"}\n')
        self.refused("golden.jsonl: line 1", "eval", "demo", golden)


unittest.main(verbosity=2)
