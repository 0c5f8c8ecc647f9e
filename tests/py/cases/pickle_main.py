import pickle, copy
from dataclasses import dataclass, field, asdict, replace
from enum import Enum
from typing import NamedTuple
from collections import namedtuple
@dataclass(order=True)
class P:
    x: int
    tags: list = field(default_factory=list)
    def norm(self): return abs(self.x)
class Color(Enum):
    RED = 1
class N(NamedTuple):
    a: int
    b: str = "b"
T = namedtuple("T", "p q")
def func(x): return x + 1
for o in (P(3, ["t"]), Color.RED, N(1), T(1, 2), func, P):
    for proto in range(6):
        back = pickle.loads(pickle.dumps(o, proto))
        assert back == o
print(pickle.dumps(P(3), 4), P.__module__, P.__qualname__, repr(P(1)), asdict(P(2, [1])))
print(replace(P(1), x=5) > P(4), copy.deepcopy(P(1, [[1]])))
pickle.dumps(lambda: 1)
