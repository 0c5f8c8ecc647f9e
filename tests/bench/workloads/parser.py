# SPDX-License-Identifier: Apache-2.0
"""CPU-bound Python: parses and evaluates arithmetic, and the time it took by its own clock on the last line."""
import re
import time

TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d*)?)|(\w+)|(.))")
OPERATORS = {"+": (1, lambda a, b: a + b), "-": (1, lambda a, b: a - b), "*": (2, lambda a, b: a * b),
             "/": (2, lambda a, b: a / b), "^": (3, lambda a, b: a ** b)}


class Node:
    __slots__ = ("operator", "left", "right")

    def __init__(self, operator, left, right):
        self.operator, self.left, self.right = operator, left, right

    def value(self, names):
        return OPERATORS[self.operator][1](self.left.value(names), self.right.value(names))


class Number:
    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number

    def value(self, names):
        return self.number


class Name:
    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def value(self, names):
        return names[self.name]


class Parser:
    def __init__(self, text):
        self.tokens = [m.groups() for m in TOKEN.finditer(text)]
        self.at = 0

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def peek(self):
        return self.tokens[self.at][2] if self.at < len(self.tokens) else None

    def atom(self):
        number, name, other = self.take()
        if number is not None:
            return Number(float(number))
        if name is not None:
            return Name(name)
        if other != "(":
            raise SyntaxError(other)
        node = self.expression(1)
        if self.take()[2] != ")":
            raise SyntaxError("unbalanced")
        return node

    def expression(self, least):
        left = self.atom()
        while self.peek() in OPERATORS and OPERATORS[self.peek()][0] >= least:
            operator = self.take()[2]
            left = Node(operator, left, self.expression(OPERATORS[operator][0] + 1))
        return left


lines = [f"(x + {n}) * ({n}.5 - y / {n + 1}) ^ 2 - (z * {n % 7} + x) / (y + {n % 11} * (x + {n % 5}.25))"
         for n in range(600)]
began = time.perf_counter()
total = 0.0
for line in lines:
    tree = Parser(line).expression(1)
    for x in range(4):
        total += tree.value({"x": x + 0.5, "y": 2.0 + x, "z": 3.0})
print("total", round(total, 3))
print(time.perf_counter() - began)
