"""The texts that tokenizers are compared on: deterministic, and as unlike each other as texts are."""
import random

WORDS = {
    "english": "the quick brown fox jumps over a lazy dog while it's raining; don't they'll we've I'm she'd you're CAN'T Isn't HELLO World".split(),
    "code": ["def f(x):", "return x**2 + 1", "if (a[i] != b->c) {", "};", "#include <vector>", "std::vector<int> v{1, 2};", "lambda: None",
             "\tfor i in range(10):", "    pass", "SELECT * FROM t WHERE id=1;", "<div class=\"a b\">", "</div>", "x = {'k': [1, 2]}", "// TODO(me)",
             "/* c */", "0xDEADBEEF", "camelCaseName", "snake_case_name", "SCREAMING_CASE", "a.b.c()", "&&", "||", ">>=", "::", "->", "```cpp\n"],
    "latin": "café naïve Ångström façade über Straße ÇELEBİ ıstanbul œuvre ŒUVRE señor přílišžluťoučký Ľubica ŁÓDŹ smörgåsbord ﬁne ﬂow ſtraße".split(),
    "greek": "Η γρήγορη αλεπού ΣΊΣΥΦΟΣ ἀρχὴ τοῦ λόγου".split(),
    "cyrillic": "Съешь же ещё этих мягких французских булок ЁЛКА й".split(),
    "han": "我 喜欢 北京 天安门 漢字 龍 𠮷野家 人工智能 你好，世界！ 。 《红楼梦》".split(),
    "japanese": "こんにちは 世界 カタカナ ﾊﾝｶｸ ガ か゛ ー 東京タワー".split(),
    "korean": "안녕하세요 세계 한국어 각 각 ㄱㄴㄷ".split(),
    "arabic": "مرحبا بالعالم اَلسَّلَامُ عَلَيْكُمْ ٣٤٥ ـــ".split(),
    "hebrew": "שלום עולם שָׁלוֹם".split(),
    "indic": "नमस्ते दुनिया क्षत्रिय हिन्दी ১২৩ বাংলা தமிழ் తెలుగు ಕನ್ನಡ മലയാളം".split(),
    "asia": "สวัสดีชาวโลก ภาษาไทย ကမ္ဘာ ភាសាខ្មែរ ລາວ བོད་ཡིག".split(),
    "other": "አማርኛ ქართული Հայերեն ᏣᎳᎩ ᠮᠣᠩᠭᠣᠯ ⴰⵎⴰⵣⵉⵖ 𐌰𐌱𐌲 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚 ⅷ Ⅻ ½ ² ₃ ① ㊿".split(),
    "emoji": "😀 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ☺️ ❤️‍🔥 1️⃣ 🧑🏿‍🚀 © ™ ⌘ ✂︎".split(),
    "marks": ["e\u0301", "a\u0300\u0323", "o\u0308\u0304", "\u0301", "Z\u0351\u036b\u0343\u032aA\u0300", "n\u0303o", "\u1100\u1161\u11a8", "\u0915\u094d\u0937",
              "A\u030a", "\u212b", "\u1e9b\u0323", "s\u0323\u0307", "d\u0307\u0323"],
    "numbers": "0 1 42 007 123 1234 12345 1234567 3.14159 1,000,000 -5 +7 1e-9 2024-05-01 12:30:45 192.168.0.1 50% $9.99 €5 #1 ½ ٣٣ १२३".split(),
    "space": [" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\t\t", " \n", "\n ", "  \n\n  ", "\u00a0", "\u3000", "\u2003", "\u200b", "\u2028", "\u0085", "\u180e", "\ufeff", "\v", "\f"],
    "control": ["\x00", "\x01", "\x07", "\x08", "\x1b[31m", "\x7f", "\x80", "\x9f", "\ufffd", "\u200d", "\u200e", "\u202e", "\ufff9", "\ue000", "\U000f0000", "\U0010ffff", "\uffff", "\u0378"],
    "special": ["<s>", "</s>", "<unk>", "<pad>", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>",
                "<|eot_id|>", "<|start_header_id|>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<mask>", "<0x0A>", "<0xFF>", "<|fim_prefix|>", "<think>",
                "</think>", "<tool_call>", "<｜User｜>", "<｜Assistant｜>", "<｜begin▁of▁sentence｜>", "<｜tool▁call▁begin｜>", "[INST]", "[/INST]", "<|python_tag|>", "<EOT>",
                "<|start|>", "<|return|>", "<|endofprompt|>", "<im_start>", "<|im_", "im_end|>", "<|", "|>", "< s >", "▁", "▁▁", "Ġ", "##", "##ing", "</w>"],
    "punctuation": list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + ["...", "!!!", "?!", "——", "–", "“quoted”", "‘x’", "«a»", "¿qué?", "¡ay!", "、", "…", "'s", "'S", "'ſ", "’s", "n't", " 've", "=====", "-----", "###"],
}
SENTENCES = [
    "The capital of France is Paris, isn't it? Yes -- it's the city's name.",
    "In 2024, the GDP grew by 3.5% (from $1,234.56bn to $1,277.77bn).",
    "人工智能（AI）是计算机科学的一个分支，它企图了解智能的实质。",
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "Привет, мир! Как дела? Всё хорошо, спасибо.",
    "def fibonacci(n: int) -> int:\n    \"\"\"Return the n-th number.\"\"\"\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n",
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n",
    "<bos><start_of_turn>user\nWhat?<end_of_turn>\n<start_of_turn>model\n",
    "[INST] <<SYS>>\nsystem\n<</SYS>>\n\nHello [/INST] Hi </s><s>[INST] again [/INST]",
    "I do not know. They are n't here , are they ? ' Quoted ' . He 's it 've",
    "नमस्ते, आप कैसे हैं? मैं ठीक हूँ।",
    "مرحبا، كيف حالك؟ أنا بخير، شكرا لك.",
    "{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Zürich\", \"days\": 3}}",
    "https://example.org/path?query=1&other=%20#fragment user@mail.example",
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n\n\n* item\n  * nested\n",
    "    leading spaces\n\ttab\n trailing   \n\n\n",
    "ＦＵＬＬＷＩＤＴＨ　ｔｅｘｔ１２３ ㍿ ㌔ ﷺ ǆ ⑩ ℌ ﬃ",
]
# (unit, how often)
RUNS = [("a", 300), ("A", 257), (" ", 100), ("\n", 70), ("\t", 40), ("ab ", 90), ("a b ", 90), ("0", 61), ("-", 130), ("=", 64), ("!", 200), ("好", 150), ("😀", 40),
        ("e\u0301", 80), ("\u0301", 60), ("<", 90), ("<s>", 20), ("aA", 80), ("x1", 80), (" \n", 40), ("\r\n", 40), ("'s", 50), ("ab", 500), ("한", 90), ("क्", 60), ("_", 99)]


def corpus(seed=20240501, size=1150):
    rng = random.Random(seed)
    texts = ["", *SENTENCES, *(unit * times for unit, times in RUNS)]
    for words in WORDS.values():
        texts += words
    names = sorted(WORDS)
    while len(texts) < size:
        kind = rng.randrange(5)
        if kind == 0:  # one script, with spaces
            texts.append(" ".join(rng.choice(WORDS[rng.choice(names)]) for _ in range(1)) + " " + " ".join(rng.choices(WORDS[rng.choice(names)], k=rng.randint(1, 8))))
        elif kind == 1:  # anything, without
            texts.append("".join(rng.choice(WORDS[rng.choice(names)]) for _ in range(rng.randint(2, 9))))
        elif kind == 2:  # anything, with all kinds of spaces
            texts.append("".join(rng.choice(WORDS[rng.choice(names)]) + rng.choice(["", " ", " ", "  ", "\n"]) for _ in range(rng.randint(2, 12))))
        elif kind == 3:  # code points from anywhere
            text = ""
            for _ in range(rng.randint(1, 12)):
                code = rng.choice([rng.randrange(0x80), rng.randrange(0x800), rng.randrange(0x3000), rng.randrange(0x10000), rng.randrange(0x20000)])
                text += " " if 0xD800 <= code < 0xE000 else chr(code)
            texts.append(text)
        else:
            text = rng.choice(SENTENCES)
            cut = rng.randrange(len(text))
            texts.append(text[cut:] + rng.choice(WORDS[rng.choice(names)]) + text[:cut])
    return texts
