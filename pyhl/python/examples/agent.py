#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent in code mode: the model answers with code, which calls the agent's tools, in a session that keeps its names.

At a decision the code calls the tool decide(). While it waits for the answer the agent forks the session: each copy of the VM
is in the middle of the same line, and gets another answer. The agent goes on with the copy that came out best.

The model is a script, so that the example needs none: four answers, as a model would give them.

usage: agent.py
"""

import asyncio
from typing import Dict, List, Tuple

import pyhl

PRICES = {"north": {"tent": 120, "stove": 35, "rope": 18, "lamp": 30}, "south": {"tent": 138, "stove": 28, "rope": 11, "lamp": 21},
          "harbor": {"tent": 131, "stove": 40, "rope": 9, "lamp": 33}}
DELIVERY = 15  # of each shop

MODEL = ["""
import itertools
import pandas as pd
table = pd.DataFrame({shop: prices(shop=shop) for shop in shops()})
table
""", """
def cost(order):
    return sum(table.loc[item, shop] for item, shop in order.items()) + delivery() * len(set(order.values()))

def best(count):
    orders = (table[list(some)].idxmin(axis=1).to_dict() for some in itertools.combinations(table.columns, count))
    return min(orders, key=cost)
""", """
count = decide(question="in how many shops should we buy?", options=[1, 2, 3])
order = best(count)
float(cost(order))
""", """
buy(order=order)
"""]


def shops() -> List[str]:
    return list(PRICES)


def prices(shop: str) -> Dict[str, int]:
    return PRICES[shop]


def delivery() -> int:
    return DELIVERY


async def buy(order: Dict[str, str]) -> str:
    await asyncio.sleep(0.01)  # a shop far away
    return "bought: " + ", ".join(f"{item} from {shop}" for item, shop in sorted(order.items()))


class Agent:
    def __init__(self, sandbox: pyhl.AsyncSandbox) -> None:
        self.sandbox = sandbox
        self.branches: List[Tuple[int, pyhl.AsyncSandbox]] = []
        for tool in shops, prices, delivery, buy, self.decide:
            sandbox.tool(tool)

    async def decide(self, question: str, options: List[int]) -> int:
        """The code waits for this call. Its session takes the first option, and a copy of it each of the others."""
        print(f"  decision: {question} {options}")
        copies = await self.sandbox.fork(len(options) - 1)
        self.branches = list(zip(options, [self.sandbox, *copies]))
        return options[0]

    async def goes_on(self, branch: Tuple[int, pyhl.AsyncSandbox]) -> pyhl.Execution:
        option, copy = branch
        return await copy.resume(tools={"decide": lambda question, options: option})

    async def step(self, code: str) -> pyhl.Execution:
        """Runs an answer of the model. Where it has branched the best one, with the least cost, is gone on with."""
        self.branches = []
        execution = await self.sandbox.run_code(code)
        if not self.branches:
            return execution
        executions = [execution, *await asyncio.gather(*map(self.goes_on, self.branches[1:]))]
        for (option, _), each in zip(self.branches, executions):
            print(f"  option {option}: costs {each.text}")
        best = min(range(len(executions)), key=lambda i: float(executions[i].text or "inf"))
        for i, (_, sandbox) in enumerate(self.branches):
            if i != best:
                await sandbox.kill()
        self.sandbox = self.branches[best][1]
        return executions[best]


async def main() -> None:
    agent = Agent(await pyhl.AsyncSandbox.create(timeout=30))
    for turn, code in enumerate(MODEL, 1):
        print(f"turn {turn}: {len(code.split())} words of code")
        execution = await agent.step(code)
        if execution.error:
            raise SystemExit(f"the code failed: {execution.error.name}: {execution.error.value}")
        if execution.text:
            print("  " + execution.text.replace("\n", "\n  "))
    await agent.sandbox.kill()


if __name__ == "__main__":
    asyncio.run(main())
