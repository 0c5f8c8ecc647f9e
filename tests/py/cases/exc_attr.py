import json
json.dmups({})
