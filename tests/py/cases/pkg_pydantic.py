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
    note: Optional[str]
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
