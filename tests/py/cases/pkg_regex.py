# regex: what it has and re does not: fuzzy matches, recursion, sets, properties, all captures, partial matches.
import regex

print(regex.findall(r"(?:colour){e<=1}", "color colour colouur column", overlapped=False))
best = regex.search(r"(?b)(?:receive){i<=1,d<=1,s<=2,e<=2}", "they recieve it")
print(best.group(), best.fuzzy_counts, best.fuzzy_changes)
print(regex.fullmatch(r"\((?:[^()]|(?R))*\)", "(a(b)(c(d)))").span(), regex.fullmatch(r"\((?:[^()]|(?R))*\)", "((a)"))
print(regex.match(r"(?P<word>\w+)(?:,(?P<word>\w+))*", "one,two,three").captures("word"))
print(regex.match(r"(?:(?P<k>\w+)=(?P<v>\d+);?)+", "a=1;b=22;c=3").capturesdict())

print(regex.findall(r"[\p{Greek}&&\p{Lu}]", "αΑβΒ AB", flags=regex.V1))
print(regex.findall(r"[[a-z]--[aeiou]]+", "programming", flags=regex.V1))
print(regex.findall(r"\X", "e\u0301a👨‍👩‍👧"), regex.findall(r"\p{Script=Cyrillic}+", "abc где"))
print(regex.findall(r"\m\w+\M", "whole words, here"), regex.split(r"(?V1)(?<=\d)(?=\D)", "12ab3c"))
print(regex.findall(r"(?<=a.*)b", "b a x b b"), regex.sub(r"(?i)STRASSE", "Weg", "die straße", flags=regex.F | regex.I))

for text in ("20", "2024-0", "2024-13", "2024-05-1", "2024-05-17"):
    match = regex.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-\d\d", text, partial=True)
    print(text, match and match.partial)

names = {"options": ["red", "green", "dark green"]}
print(regex.findall(r"\b\L<options>\b", "red dark green greenish", **names))
print(regex.search(r"a++b", "aaab").span(), regex.search(r"a++ab", "aaab"), regex.search(r"(?>a+|b)c", "aac").span())
print(regex.search(r"(?|(\d+)x|x(\d+))", "x42").group(1), regex.search(r"foo\Kbar", "foobar").span())
print(regex.findall(r"(..)", "abcde", overlapped=True), regex.findall(r"(?r)\d", "1 2 3"))
print(regex.subf(r"(\w+) (\w+)", "{2} {1}", "left right"), regex.match(r"(\w)+", "xyz").expandf("{1[0]}{1[-1]}"))
print(regex.search(r"(?(DEFINE)(?P<byte>25[0-5]|2[0-4]\d|1?\d?\d))\b(?&byte)(?:\.(?&byte)){3}\b", "at 10.0.255.1").group())
print(regex.match(r"\w+(?=\s)(*SKIP)", "ab cd").group() if regex.match(r"\w+(?=\s)", "ab cd") else None)

try:
    regex.match(r"(a+)+$", "a" * 28 + "b", timeout=30)
    print("no catastrophe")
except TimeoutError as error:
    print("TimeoutError:", error)
for bad in ("(", "[a", r"\p{Nope}", "a{2,1}", "(?P<1>x)"):
    try:
        regex.compile(bad)
    except regex.error as error:
        print(bad, "->", error)
