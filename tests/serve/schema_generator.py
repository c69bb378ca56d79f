"""Random JSON Schemas of every keyword that strata holds, small enough that some value of each takes few tokens.

    schema = SchemaGenerator(random.Random(seed)).document()

Most have a value; a few contradict themselves, which is for a server to say."""

WORDS = ["name", "id", "kind", "größe", "a b", "x-1", "tags", "value", 'quo"te', "back\\slash", "日本", "a/b~c", "", "$ref",
         "ключ", "🙂", "tab\there", "e\u0301", "__proto__", "aa", "ab", "x_y"]
CONSTANTS = ["red", 'a"b', "größe", "red red", "🙂\n", "", 3, 0, -1, 1.5, 1e3, 12345678901, None, True, False, [], {}, [1, "a"],
             {"k": None}, {"aa": [{}]}]
PATTERNS = ["^[a-z]{2,8}$", r"^\d{3}-\d{4}$", "^(yes|no)$", "^[^x]{1,9}$", "^é+$|^[A-Z].{0,5}$", "^(?!no)[a-z]{2,5}$",
            r"^(?=.*[0-9])[a-z0-9]{3,6}$", r"^[\u3041-\u3096]{1,4}$", r"^\S+ \S+$", "^(ab|c){1,3}d?$", "q", "^x", "z$",
            r"^[+-]?(0|[1-9][0-9]{0,3})(\.[0-9]{1,2})?$", r"^\/[a-z]+(\/[a-z]+){0,2}$", "^[\"\\\\]{1,3}$", r"^.{2}\.$",
            r"^a(?:b(?:c)?)?$", r"^[^\W\d_]{1,4}$"]
# Not relative-json-pointer, within whose number jsonschema takes no 0 (4.26: "2015"), nor iri and iri-reference, in which
# it takes no character beyond the BMP (RFC 3987 has them).
FORMATS = ["date", "date-time", "time", "uuid", "ipv4", "ipv6", "email", "duration", "hostname", "uri", "uri-reference",
           "uri-template", "json-pointer", "idn-email"]
NAME_PATTERNS = ["^[a-c]{1,3}$", "^x", "é", r"^\d+$", "_id$"]


class SchemaGenerator:
    def __init__(self, rng):
        self.rng = rng
        self.definitions = {}

    def chance(self, probability):
        return self.rng.random() < probability

    def document(self, root_is_object=True):
        rng = self.rng
        if self.chance(0.4):
            self.definitions = dict.fromkeys(rng.sample(["node", "größe", "a/b", "leaf"], rng.randint(1, 3)))
        schema = self.object(3) if root_is_object else self.value(3)
        if self.definitions:
            for name in self.definitions:
                self.definitions[name] = self.value(2)
            if schema is True:
                schema = {}
            schema["$defs"] = self.definitions
        if self.chance(0.3):
            schema |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "x", "description": "of 日本"}
        return schema

    def value(self, depth):
        """Any schema; deep ones only where there is `depth` left."""
        kinds = [(6, self.string), (5, self.number), (3, self.listed), (2, self.literal)]
        if depth > 0:
            deep = [(9, self.object), (6, self.array), (3, self.any_of), (3, self.one_of), (2, self.all_of), (2, self.refused),
                    (2, self.conditional), (1, self.kinds)]
            kinds += [(weight, lambda of=of: of(depth)) for weight, of in deep]
        if self.definitions:
            kinds.append((4, self.reference))
        make = self.rng.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]
        schema = make()
        if self.chance(0.05):
            schema |= {"description": "a \"value\"", "default": None, "examples": [1]}
        return schema

    def bounds(self, low, high, names, most=0.7):
        """Some of a pair of keywords, in order."""
        pair = sorted((self.rng.randint(low, high), self.rng.randint(low, high)))
        return {name: bound for name, bound in zip(names, pair) if self.chance(most)}

    def string(self):
        schema = {"type": "string"}
        pick = self.rng.random()
        if pick < 0.3:
            schema |= self.bounds(0, 20, ("minLength", "maxLength"), 0.8)
            schema.setdefault("maxLength", 25)
        elif pick < 0.55:
            schema["pattern"] = self.rng.choice(PATTERNS)
            if self.chance(0.4):
                schema |= {"maxLength": 12}
        elif pick < 0.8:
            schema["format"] = self.rng.choice(FORMATS)
        elif pick < 0.9:
            schema["allOf"] = [{"pattern": pattern} for pattern in self.rng.sample(PATTERNS, 2)]
        else:
            schema["not"] = self.rng.choice([{"pattern": "[aeiou]"}, {"const": "red"}, {"maxLength": 2}, {"format": "ipv4"}])
        if not {"maxLength", "pattern", "format", "allOf"} & schema.keys():
            schema["maxLength"] = 12
        return schema

    def number(self):
        schema = {"type": self.rng.choice(["integer", "number"])}
        span = self.rng.choice([10, 1000, 10**12])
        schema |= self.bounds(-span, span, self.rng.choice(
            [("minimum", "maximum"), ("exclusiveMinimum", "exclusiveMaximum"), ("minimum", "exclusiveMaximum")]))
        if schema["type"] == "number" and self.chance(0.3):
            schema = {name: bound + 0.125 if name != "type" else bound for name, bound in schema.items()}
        if self.chance(0.3):
            schema["multipleOf"] = self.rng.choice([1, 3, 5, 7, 100] if schema["type"] == "integer" else [0.5, 0.25, 3])
            if schema["type"] == "number":  # jsonschema divides as floats do
                schema = {"minimum": -(10**15), "maximum": 10**15} | schema
        if self.chance(0.1):
            schema["not"] = {"multipleOf": 2}
        return schema

    def listed(self):
        values = self.rng.sample(CONSTANTS, self.rng.randint(1, 5))
        return {"const": values[0]} if self.chance(0.3) else {"enum": values}

    def literal(self):
        return {"type": self.rng.choice(["boolean", "null"])}

    def kinds(self, depth):
        """Several types with keywords of each."""
        parts = [self.string(), self.number(), self.array(depth - 1)]
        parts = self.rng.sample(parts, self.rng.randint(1, 2))
        schema = {}
        for part in parts:
            schema |= part
        schema["type"] = sorted({part["type"] for part in parts} | {"null"})
        return schema

    def reference(self):
        name = self.rng.choice(list(self.definitions))
        return {"$ref": "#/$defs/" + name.replace("~", "~0").replace("/", "~1")}

    def array(self, depth):
        rng = self.rng
        schema = {"type": "array", "maxItems": rng.randint(1, 4)}
        pick = rng.random()
        if pick < 0.2:
            schema |= {"uniqueItems": True, "items": {"enum": rng.sample(CONSTANTS, rng.randint(3, 8))}, "maxItems": 3}
        elif pick < 0.4:
            schema |= {"contains": self.value(0), "items": self.value(0), "maxItems": 3}
            if self.chance(0.5):
                schema["items"] = True if self.chance(0.3) else {"anyOf": [schema["contains"], self.value(0)]}
            if self.chance(0.5):
                schema |= self.bounds(0, 2, ("minContains", "maxContains"))
        else:
            schema["items"] = self.value(depth - 1)
            if self.chance(0.3):
                schema["prefixItems"] = [self.value(depth - 1) for _ in range(rng.randint(1, 2))]
                if self.chance(0.3):
                    schema["unevaluatedItems" if self.chance(0.5) else "items"] = False
        if self.chance(0.4):
            schema["minItems"] = rng.randint(0, min(2, schema["maxItems"]))
        return schema

    def object(self, depth):
        rng = self.rng
        names = rng.sample(WORDS, rng.randint(0, 5))
        schema = {"type": "object", "properties": {name: self.value(depth - 1) for name in names}}
        required = rng.sample(names, rng.randint(0, len(names))) if self.chance(0.8) else []
        if required:
            schema["required"] = required
        pick = rng.random()
        if pick < 0.5:
            schema["additionalProperties"] = False
        elif pick < 0.65:
            schema["additionalProperties"] = self.value(0)
            schema["maxProperties"] = len(names) + rng.randint(0, 2)
        elif pick < 0.8:
            schema["patternProperties"] = {pattern: self.value(0) for pattern in rng.sample(NAME_PATTERNS, rng.randint(1, 2))}
            schema["additionalProperties"] = False
            schema["maxProperties"] = len(names) + 2
        elif pick < 0.9:
            schema["propertyNames"] = {"maxLength": 10} if self.chance(0.5) else {"pattern": "^[a-z]{1,6}$|^" + "|^".join(WORDS[:5])}
            schema["maxProperties"] = len(names) + 1
        else:
            schema["allOf"] = [{"properties": {"more": self.value(0)}}]
            schema["unevaluatedProperties"] = False if self.chance(0.7) else self.value(0)
            schema["maxProperties"] = len(names) + 2
        if schema.get("maxProperties") and self.chance(0.3):
            schema["minProperties"] = rng.randint(len(required), max(len(required), schema["maxProperties"] - 1))
        if len(names) > 1 and self.chance(0.2):
            schema["dependentRequired"] = {names[0]: [names[1]]}
        if len(names) > 1 and self.chance(0.1):
            schema["dependentSchemas"] = {names[0]: {"required": [names[-1]]}}
        return schema

    def alternatives(self, depth):
        return [self.value(depth - 1) for _ in range(self.rng.randint(2, 3))]

    def any_of(self, depth):
        return {"anyOf": self.alternatives(depth)}

    def one_of(self, depth):
        if self.chance(0.5):  # told apart by a property, as APIs do
            variants = []
            for tag in self.rng.sample(["a", "b", "größe"], 2):
                variant = self.object(depth - 1)
                variant["properties"]["kind"] = {"const": tag}
                variant["required"] = sorted({"kind", *variant.get("required", [])})
                variants.append(variant)
            return {"oneOf": variants}
        return {"oneOf": self.alternatives(depth)}

    def all_of(self, depth):
        schema = self.object(depth - 1)
        more = {"required": list(schema["properties"])[:1]}
        return {"allOf": [schema, more]} if self.chance(0.6) else schema | {"allOf": [more, {"minProperties": 1}]}

    def refused(self, depth):
        del depth
        return {"type": ["string", "integer", "boolean"], "maxLength": 8, "not": {"enum": self.rng.sample(CONSTANTS, 3)}}

    def conditional(self, depth):
        schema = self.object(depth - 1)
        schema["properties"] |= {"on": {"type": "boolean"}, "value": self.value(0)}
        schema["required"] = sorted({"on", *schema.get("required", [])})
        schema["if"] = {"properties": {"on": {"const": True}}}
        schema["then"] = {"required": ["value"]}
        if self.chance(0.5):
            schema["else"] = {"properties": {"value": False}}
        return schema
