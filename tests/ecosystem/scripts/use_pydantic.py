# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["pydantic>=2.12"]
# ///
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError, VERSION

print(tuple(map(int, VERSION.split(".")[:2])) >= (2, 12))


class Order(BaseModel):
    number: int = Field(gt=0)
    tags: set[str] = set()
    price: Annotated[float, Field(le=100)] = 1


print(Order.model_validate_json('{"number": "3", "tags": ["a", "a"]}'))
try:
    Order(number=0, price=200)
except ValidationError as error:
    print([(item["loc"], item["type"]) for item in error.errors()])
print(Order.model_json_schema()["properties"]["number"])
