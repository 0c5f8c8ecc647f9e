import json
value = 3
print(valeu)
