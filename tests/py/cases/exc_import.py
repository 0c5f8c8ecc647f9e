import json
from json import nothing_here
