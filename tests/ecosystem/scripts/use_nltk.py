# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["nltk"]
# ///
import nltk
from nltk.metrics import edit_distance
from nltk.stem import PorterStemmer, SnowballStemmer
from nltk.tokenize import RegexpTokenizer, TreebankWordTokenizer

words = TreebankWordTokenizer().tokenize("Good muffins cost $3.88 in New York, don't they?")
print(words, [PorterStemmer().stem(word) for word in ("running", "flies", "easily")])
print(SnowballStemmer("german").stem("Häuser"))
print(nltk.FreqDist(RegexpTokenizer(r"\w+").tokenize("to be or not to be")).most_common(2))
print(list(nltk.bigrams(words))[:2])
grammar = nltk.CFG.fromstring("S -> N V\nN -> 'dogs' | 'cats'\nV -> 'sleep'")
print([str(tree) for tree in nltk.ChartParser(grammar).parse(["dogs", "sleep"])], edit_distance("kitten", "sitting"))
