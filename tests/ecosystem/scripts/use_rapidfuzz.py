# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["rapidfuzz"]
# ///
from rapidfuzz import fuzz, process
from rapidfuzz.distance import JaroWinkler, Levenshtein

towns = ["New York Jets", "New York Giants", "Dallas Cowboys", "Atlanta Falcons"]
print(process.extract("new york jets", towns, scorer=fuzz.WRatio, limit=2, processor=str.lower))
print(fuzz.token_sort_ratio("fuzzy wuzzy was a bear", "wuzzy fuzzy was a bear"), JaroWinkler.similarity("martha", "marhta"))
print(Levenshtein.distance("lewenstein", "levenshtein"), Levenshtein.editops("spam", "park"))
print(process.cdist(towns, towns).round(1).tolist())
