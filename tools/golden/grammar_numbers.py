#!/usr/bin/env python3
"""Schemas of numbers, and texts beside which of their bounds fall, judged by Python's jsonschema (the version of
tests/serve/requirements.txt): once as the decimals that they are, once as json.loads reads them, which rounds those with a
fraction to doubles.

    tools/golden/grammar_numbers.py [SCHEMAS [SEED]] > src/grammar/testdata/numbers.jsonl

A line has a schema, the texts that are not valid by both readings ("refuse"), and of those that are valid the ones of
ordinary form ("accept"): no exponent, at most 15 digits. Texts of other forms may be refused."""
import decimal
import itertools
import json
import math
import random
import re
import sys
from decimal import Decimal

import jsonschema

decimal.getcontext().prec = 2500
decimal.getcontext().Emin, decimal.getcontext().Emax = -99999, 99999

CONSTANTS = [0, 1, -1, 3, 10, 255, -40, 0.0, 1.0, 0.1, 0.3, -0.3, 0.5, 1.5, -2.25, 99.99, 1e-7, -1e-12, 123456.789,
             0.1 + 0.2, 2 / 3, 1e15, 2**53, 2**53 + 1, -(2**53) - 1, 10**17 + 1, 1e17, 1.8e16, 2.0**62 + 512, 1e30, -1e30, 5e-324]
DIVISORS = [1, 2, 3, 7, 10, 64, 100, 3.0, 10.0, 0.5, 0.25, 0.125, 1.5, 2.5, 0.75, 0.0625]
# Under a negation only: where they must hold, what jsonschema makes of them is another question (0.07 is no multiple of
# 0.01 when doubles are divided).
DECIMAL_DIVISORS = [0.1, 0.01, 0.001, 0.3, 0.7, 1.1, 0.05]
TYPES = jsonschema.Draft202012Validator.TYPE_CHECKER
EXACT = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=TYPES.redefine(
    "integer", lambda checker, value: TYPES.is_type(value, "integer") or
    (isinstance(value, Decimal) and value == value.to_integral_value())))


def exact_constant(text):
    """What strata takes a schema's number for: its shortest decimal; the double, where doubles are whole."""
    number = float(text)
    return Decimal(repr(number)) if abs(number) < 2**53 else Decimal(number)


class Schemas:
    def __init__(self, rng):
        self.rng = rng
        self.constants = [rng.choice(CONSTANTS), rng.choice(CONSTANTS), rng.choice([1, 1e3, 1e-3, 1e9]) * rng.uniform(-1, 1)]
        self.divisors = []

    def constant(self):
        return self.rng.choice(self.constants)

    def divisor(self):
        self.divisors.append(self.rng.choice(DIVISORS))
        return self.divisors[-1]

    def leaf(self):
        rng = self.rng
        pick = rng.randrange(9)
        if pick < 4:
            return {rng.choice(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]): self.constant()}
        if pick == 4:
            return {"multipleOf": self.divisor()}
        if pick == 5:
            return {"const": self.small()}
        if pick == 6:
            return {"enum": [self.small(), self.small(), rng.randrange(100)]}
        return {"type": rng.choice(["integer", "number"])}

    def small(self):
        """A constant that const takes: no integer beyond 64 bits."""
        value = self.constant()
        return value if abs(value) < 2**63 else 7

    def schema(self, depth):
        rng = self.rng
        if depth == 0 or rng.random() < 0.3:
            return self.leaf()
        part = lambda: self.schema(depth - 1)
        return rng.choice([
            lambda: {"not": part()},
            lambda: {"allOf": [part(), part()]},
            lambda: {"anyOf": [part(), part()]},
            lambda: {"oneOf": [part() for _ in range(rng.randint(2, 3))]},
            lambda: {"if": part(), "then": part(), "else": part()},
            lambda: self.leaf() | self.leaf(),
        ])()

    def document(self):
        schema = {"allOf": [{"type": "number"}, self.schema(self.rng.randint(0, 2))]}
        if self.rng.random() < 0.15:
            self.divisors.append(self.rng.choice(DECIMAL_DIVISORS))
            schema["not"] = {"multipleOf": self.divisors[-1]}
        return schema


def plain(value):
    return format(value, "f")


def rounded(value, digits, rounding):
    with decimal.localcontext() as context:
        context.prec, context.rounding = digits, rounding
        return +value


def neighbours(rng, constant):
    """Decimals at, and hardly beside, a constant; around the middle between it and the doubles beside it."""
    number = float(constant)
    values = [Decimal(constant), exact_constant(number)]
    for other in (math.nextafter(number, math.inf), math.nextafter(number, -math.inf)):
        if math.isfinite(other):
            values += [Decimal(repr(other)), (Decimal(number) + Decimal(other)) / 2, Decimal(other)]
    for value in values:
        yield value
        for _ in range(2):
            digits = rng.randint(14, 25)
            yield rounded(value, digits, rng.choice([decimal.ROUND_UP, decimal.ROUND_DOWN]))
            yield value + rng.choice([-1, 1]) * Decimal(10) ** (value.adjusted() - rng.randint(13, 25))


def texts(rng, schemas):
    multiples = [Decimal(repr(divisor)) * rng.choice([rng.randrange(1000), rng.randrange(10**15), rng.randrange(10**20)])
                 for divisor in schemas.divisors for _ in range(4)]
    for constant in itertools.chain(schemas.constants, multiples):
        for value in neighbours(rng, constant):
            yield plain(value)
            if value == value.to_integral_value():
                yield plain(value.to_integral_value())
                yield plain(value.to_integral_value()) + ".000"
            if rng.random() < 0.1:
                yield format(value, "e")
            if abs(value) < 10**15:  # of ordinary length, and near
                yield plain(rounded(value, rng.randint(1, 15), decimal.ROUND_HALF_EVEN))
    for _ in range(10):
        yield plain(Decimal(rng.randrange(10**rng.randint(1, 15))).scaleb(-rng.randint(0, 16)))
        yield str(rng.randrange(-10**rng.randint(1, 25), 10**rng.randint(1, 25)))
    yield from ["0", "-0", "0.0", "-0.000", "0." + "0" * 30 + "1", "-0." + "0" * 310 + "123456", "0." + "0" * 400 + "1",
                "0e5", "1e-400", "1e3", "1E+2", "1" + "0" * 310 + ".5", "1" + "0" * 310, "1" * 400 + ".0"]


def is_ordinary(text, schemas, asks_for_integer):
    match = re.fullmatch(r"-?(\d+)(?:\.(\d+))?", text)
    if not match:
        return False
    whole, fraction = match[1], match[2]
    floats = [divisor for divisor in schemas.divisors if isinstance(divisor, float)]
    if fraction is None and not floats and all(abs(constant) < 2**63 for constant in schemas.constants):
        return True  # of any length, unless the schema's numbers have been rounded
    if fraction is not None and asks_for_integer:
        return False
    fraction = (fraction or "").rstrip("0")
    places = max([len(fraction)] + [len(plain(Decimal(repr(divisor)).normalize()).partition(".")[2]) for divisor in floats])
    if whole != "0":
        return len(whole) + places <= 15
    return len(fraction) < 100 and places - (len(fraction) - len(fraction.lstrip("0"))) <= 15


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    while count > 0:
        schemas = Schemas(rng)
        written = json.dumps(schemas.document())
        by_double = jsonschema.Draft202012Validator(json.loads(written))
        exactly = EXACT(json.loads(written, parse_float=exact_constant))
        accept, refuse = [], []
        for text in sorted(set(texts(rng, schemas))):
            try:
                valid = by_double.is_valid(json.loads(text)) and exactly.is_valid(json.loads(text, parse_float=Decimal))
            except OverflowError:  # jsonschema divides no infinity, nor an integer that is none as a double
                continue
            if not valid:
                refuse.append(text)
            elif is_ordinary(text, schemas, "integer" in written):
                accept.append(text)
        if not accept:
            continue
        few = lambda of, most: sorted(rng.sample(of, min(len(of), most)), key=len)
        print(json.dumps({"schema": json.loads(written), "accept": few(accept, 15), "refuse": few(refuse, 25)}))
        count -= 1


if __name__ == "__main__":
    main()
