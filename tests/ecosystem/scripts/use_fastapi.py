# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["fastapi"]
# ///
import asyncio

import httpx
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI(title="shop")


class Item(BaseModel):
    name: str
    price: float


def tax():
    return 1.2


@app.post("/items/{number}")
async def add(number: int, item: Item, rate: float = Depends(tax)):
    if number < 0:
        raise HTTPException(404, "no such item")
    return {"number": number, "name": item.name, "gross": round(item.price * rate, 2)}


async def main():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shop") as client:
        for number, body in (1, {"name": "pen", "price": 2.5}), (-1, {"name": "pen", "price": 1}), (2, {"name": "ink"}):
            reply = await client.post(f"/items/{number}", json=body)
            print(reply.status_code, reply.json())
        print(sorted((await client.get("/openapi.json")).json()["paths"]))


asyncio.run(main())
