# pydantic: models that parse, check and serialise data, with their error lists and JSON schemas.
import json
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Generic, Literal, Optional, TypeVar, Union

from pydantic import (BaseModel, ConfigDict, Field, RootModel, TypeAdapter, ValidationError, computed_field,
                      field_validator, model_validator, validate_call)


class Kind(str, Enum):
    BOOK = "book"
    DISC = "disc"


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    name: Annotated[str, Field(min_length=2, max_length=20)]
    kind: Kind
    price: Decimal = Field(gt=0, decimal_places=2)
    tags: list[str] = []

    @field_validator("tags")
    @classmethod
    def lower(cls, tags):
        return sorted({tag.lower() for tag in tags})


class Order(BaseModel):
    number: int = Field(alias="no")
    day: date
    wait: timedelta = timedelta(days=2)
    items: list[Item]
    note: Optional[str] = None

    @computed_field
    @property
    def total(self) -> Decimal:
        return sum(item.price for item in self.items)

    @model_validator(mode="after")
    def some(self):
        if not self.items:
            raise ValueError("an order needs items")
        return self


order = Order.model_validate({"no": "17", "day": "2024-02-29", "items": [
    {"name": "  Dune ", "kind": "book", "price": "9.99", "tags": ["SF", "sf", "Old"]},
    {"name": "Aja", "kind": "disc", "price": 12}]})
print(repr(order), order.total)
print(order.model_dump_json(by_alias=True, exclude_none=True, indent=1))
print(Order.model_validate_json(order.model_dump_json(by_alias=True, exclude={"total"})) == order)
print(json.dumps(Order.model_json_schema(), sort_keys=True))

for bad in ({"no": "x", "day": "2023-02-29", "items": []},
            {"no": 1, "day": "2024-01-01", "items": []},
            {"no": 1, "day": "2024-01-01", "items": [{"name": "a", "kind": "tape", "price": -1, "size": 2}]}):
    try:
        Order.model_validate(bad)
    except ValidationError as error:
        print(error)
        print([(e["loc"], e["type"]) for e in error.errors()])


class Cat(BaseModel):
    pet: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    pet: Literal["dog"]
    good: bool


T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    rows: list[T]


pets = TypeAdapter(list[Annotated[Union[Cat, Dog], Field(discriminator="pet")]])
print(pets.validate_python([{"pet": "cat"}, {"pet": "dog", "good": "yes"}]))
print(Page[int](rows=["1", 2]), RootModel[dict[str, float]]({"a": "1.5"}).model_dump())


@validate_call
def repeat(word: str, times: Annotated[int, Field(ge=0)]):
    return word * times


print(repeat("ab", "3"))
try:
    repeat("ab", -1)
except ValidationError as error:
    print(error.error_count(), error.errors()[0]["msg"])


# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
from datetime import date
from typing import List, Optional
from pydantic import BaseModel, Field, ValidationError, validator
class Item(BaseModel):
    name: str
    qty: int = Field(1, ge=1)
    tags: List[str] = []
class Order(BaseModel):
    when: date
    items: List[Item]
    note: Optional[str] = None
    @validator("note")
    def short(cls, v):
        if v and len(v) > 5: raise ValueError("too long")
        return v
o = Order.parse_raw('{"when": "2024-05-06", "items": [{"name": "a", "qty": "3"}]}')
print(repr(o), o.json(), o.copy(update={"note": "x"}).dict())
try:
    Order(when="nope", items=[{"qty": 0}], note="far too long")
except ValidationError as e:
    print(e, e.errors())
print(Order.schema_json(indent=1))
