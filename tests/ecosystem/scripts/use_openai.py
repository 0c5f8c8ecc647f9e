# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["openai"]
# ///
import json

import httpx
from openai import OpenAI, RateLimitError


def answer(request):
    body = json.loads(request.content)
    if body["model"] == "busy":
        return httpx.Response(429, json={"error": {"message": "slow down"}})
    message = {"role": "assistant", "content": f"{len(body['messages'])} messages"}
    return httpx.Response(200, json={"id": "1", "object": "chat.completion", "created": 1, "model": body["model"],
                                     "choices": [{"index": 0, "finish_reason": "stop", "message": message}]})


client = OpenAI(api_key="none", base_url="http://local/v1", max_retries=0,
                http_client=httpx.Client(transport=httpx.MockTransport(answer)))
said = client.chat.completions.create(model="toy", messages=[{"role": "user", "content": "hi"}])
print(said.choices[0].message.content, said.model, type(said).__name__)
try:
    client.chat.completions.create(model="busy", messages=[])
except RateLimitError as error:
    print(error.status_code, error)
